export const actions = {
  default: async ({ request }) => ({ note: (await request.formData()).get('note') })
};
