/** Another reply to the last message. Nothing of it is stored until the reader goes on from it. */

import { sampling } from "./memory.js";
import { streamReply } from "./stream.js";
import { replyOf } from "./transcript.js";

/** As many earlier utterances as the service looks at. */
const HISTORY_UTTERANCES = 64;
/** Drafts at each attempt: the best of many is often the same again, a single one seldom. */
const CANDIDATES = [4, 1, 1, 1];

/**
 * Throws a `Problem` or an AbortError; then the reply that stood there stands there again.
 * @param {import("./run.js").Run} run
 * @param {import("./exchange.js").Exchange} exchange the last
 * @param {string[]} earlier what was said before it
 * @returns {Promise<boolean>} whether there is a reply that was not there before
 */
export async function askAgain(run, exchange, earlier) {
  const { seed, ...wishes } = sampling.get() ?? {}; // With the same seed it would say the same.
  const history = earlier.slice(-HISTORY_UTTERANCES);
  const { shown, replies } = exchange;
  exchange.bot.begin();
  try {
    for (const candidates of CANDIDATES) {
      const body = { ...wishes, message: exchange.text, history, candidates };
      const reply = await replyTo(body, run);
      if (replies.every(({ text }) => text !== reply.text)) {
        replies.push(reply);
        exchange.show(replies.length - 1);
        return true;
      }
    }
    exchange.show(shown);
    return false;
  } catch (error) {
    exchange.show(shown);
    throw error;
  }
}

async function replyTo(body, run) {
  let reply = null;
  await run.follow(streamReply(body, run.signal), {
    piece: () => {}, // It may turn out to be a reply that is there already.
    answer: (answer) => {
      reply = replyOf(answer);
    },
  });
  return reply;
}
