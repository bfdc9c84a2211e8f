// Every vector of tests/vectors through the whole program: each identity, each form, cut at every byte, alone and behind a good request.
import { describeMutants } from '../harness/mutant-suite.mjs';
import { describeResponses } from '../harness/response-suite.mjs';
import { describeVectors } from '../harness/vector-suite.mjs';

describeVectors({ depth: 'all' });
describeResponses({ depth: 'all' });
describeMutants({ pairs: 200000 });
