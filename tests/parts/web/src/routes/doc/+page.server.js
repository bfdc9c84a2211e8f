export const load = ({ platform }) => ({ sync: platform?.env?.SYNC_URL ?? '' });
