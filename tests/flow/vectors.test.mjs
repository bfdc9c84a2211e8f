// Every vector of tests/vectors through the whole program, whole, in some pieces and behind a good request: what did the origin see?
// tests/long/vectors.test.mjs cuts them at every byte.
import { describe } from 'node:test';
import { describeMutants } from '../harness/mutant-suite.mjs';
import { describeResponses } from '../harness/response-suite.mjs';
import { describeVectors } from '../harness/vector-suite.mjs';

describe('the origin sees what may pass, in its one form, and nothing else', { timeout: 3600000 }, () => describeVectors({ depth: 3 }));
describe('a hostile origin answers nobody but who asked', { timeout: 3600000 }, () => describeResponses({ depth: 3 }));
describe('one byte wrong means what it means, or nothing', { timeout: 3600000 }, () => describeMutants({ step: 11 }));
