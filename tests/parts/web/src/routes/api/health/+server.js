import { json } from '@sveltejs/kit';

// The marker proves that the answer is the app's and not the gate's.
export const GET = ({ platform }) =>
  json({ ok: true, marker: platform?.env?.MARKER ?? 'unset' }, { headers: { 'cache-control': 'public, max-age=5, s-maxage=60' } });
