// GitHub's public description of its REST API, as a judge of what our fake of it says.
import { createRequire } from 'node:module';

const require = createRequire(new URL('../parts/package.json', import.meta.url));

const formats = {
  uri: (s) => URL.canParse(s),
  email: (s) => /^[^\s@]+@[^\s@]+$/.test(s),
  'date-time': (s) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(s) && !Number.isNaN(Date.parse(s)),
  int64: true, timestamp: true, repo: true, 'ipv4': true, ipv6: true, hostname: true
};

const OURS = /^(description|example|examples|externalDocs|discriminator|deprecated|x-|xml$|readOnly|writeOnly)/;

/** Only what judges: notes for readers and generators are no words that a validator knows. `properties` may be called anything. */
function bare(schema, isNames = false) {
  if (Array.isArray(schema)) return schema.map((s) => bare(s));
  if (!schema || typeof schema !== 'object') return schema;
  return Object.fromEntries(Object.entries(schema).filter(([k]) => isNames || !OURS.test(k)).map(([k, v]) =>
    [k, k === 'enum' ? v : bare(v, k === 'properties' || k === 'schemas')]));
}

export class Description {
  /** edition: 'api.github.com', or that of an Enterprise server as 'ghes-3.19'. */
  constructor(edition = 'api.github.com') {
    const Ajv = require('ajv').default;
    this.whole = require(`@octokit/openapi/generated/${edition}.json`);
    this.ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false, formats, allErrors: true, addUsedSchema: false });
    this.ajv.addVocabulary(['components']);
    this.ajv.addSchema({ $id: 'github', components: { schemas: bare(this.whole.components.schemas) } }, 'github', undefined, false);
    this.known = new Map();
  }

  response(operation, method, status) {
    const described = this.whole.paths[operation]?.[method.toLowerCase()]?.responses[status];
    const name = described?.$ref?.split('/').at(-1);
    return name ? this.whole.components.responses[name] : described;
  }

  validator(operation, method, status, schema) {
    const key = `${method} ${operation} ${status}`;
    if (!this.known.has(key)) {
      const text = JSON.stringify(bare(schema)).replaceAll('"#/components', '"github#/components');
      this.known.set(key, this.ajv.compile(JSON.parse(text)));
    }
    return this.known.get(key);
  }

  /**
   * What is wrong with an answer: undefined is nothing; `described` false says that the description has no word on such an answer, which for
   * errors happens (401 and 429 stand nowhere in some operations), and then its body must be an error of the usual form.
   */
  judge({ operation, method, answer: { status = 200, body } }) {
    const response = this.response(operation, method, status);
    const schema = response?.content?.['application/json']?.schema ?? (status >= 400 && body ? { $ref: '#/components/schemas/basic-error' } : undefined);
    const described = response !== undefined;
    if (!described && status < 400) return { described, errors: [`${status} is not described`] };
    if (!schema) return { described, errors: body ? [`a body where none is described: ${JSON.stringify(body)}`] : [] };
    const valid = this.validator(operation, method, status, schema);
    return { described, errors: valid(body) ? [] : valid.errors.map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`) };
  }
}
