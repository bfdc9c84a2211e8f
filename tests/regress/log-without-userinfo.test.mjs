// A target may be a whole URL, with a name and a password in it. It is refused, and the log must not keep them.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { startSite } from '../harness/site.mjs';

describe('the log of a target that is a URL', () => {
  let site;
  before(async () => (site = await startSite()));
  after(() => site?.stop());

  for (const [url, status, logged] of [
    ['https://beta:hunter2@app.example.test/in?x=1', 400, '/in'],
    ['ftp://beta:hunter2@app.example.test/', 400, ''],
    ['https://app.example.test/docs/a?token=hunter2', 200, '/docs/a']
  ]) {
    it(url, async () => {
      const { gate } = site;
      const wire = await gate.connect({ host: 'app.example.test' });
      await wire.send(`GET ${url} HTTP/1.1\r\nHost: app.example.test\r\nConnection: close\r\n\r\n`);
      const answer = await wire.response();
      wire.close();
      assert.equal(answer.status, status);
      const line = await gate.line((l) => l.status === status && l.path === logged);
      assert.equal(line.path, logged);
      assert.doesNotMatch(fs.readFileSync(gate.logFile, 'utf8'), /hunter2/);
    });
  }
});
