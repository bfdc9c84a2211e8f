// Every vector of tests/vectors through the whole program, whole, in some pieces and behind a good request: what did the origin see?
// tests/long/vectors.test.mjs cuts them at every byte.
import { describeMutants } from '../harness/mutant-suite.mjs';
import { describeResponses } from '../harness/response-suite.mjs';
import { describeVectors } from '../harness/vector-suite.mjs';

describeVectors({ depth: 3 });
describeResponses({ depth: 3 });
describeMutants({ step: 11 });
