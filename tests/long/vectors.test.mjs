// Every vector of tests/vectors through the whole program: each identity, each form, cut at every byte, alone and behind a good request.
import { describe } from 'node:test';
import { describeMutants } from '../harness/mutant-suite.mjs';
import { describeResponses } from '../harness/response-suite.mjs';
import { describeVectors } from '../harness/vector-suite.mjs';

describe('the origin sees what may pass, in its one form, and nothing else', { timeout: 3600000 }, () => describeVectors({ depth: 'all' }));
describe('a hostile origin answers nobody but who asked', { timeout: 3600000 }, () => describeResponses({ depth: 'all' }));
describe('one byte wrong means what it means, or nothing', { timeout: 3600000 }, () => describeMutants({ pairs: 200000 }));
