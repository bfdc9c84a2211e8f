export const load = ({ params }) => ({ path: params.path });
