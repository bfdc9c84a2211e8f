// On the server, so that going from page to page asks for __data.json.
export const load = ({ params }) => ({ path: params.path });
