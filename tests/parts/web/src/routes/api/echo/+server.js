import { json } from '@sveltejs/kit';

async function echo({ request }) {
  const body = await request.text();
  return json({ method: request.method, url: request.url, headers: Object.fromEntries(request.headers), body });
}

export const GET = echo;
export const POST = echo;
export const PUT = echo;
