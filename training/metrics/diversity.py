"""How varied replies are: distinct n-grams, repetition, and one answer for everything."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from training.checks.duplicates import normalise
from training.metrics.bleu import Tokens, ngrams, tokenize
from training.metrics.intervals import Share, share_of

REPEATS_AT = 0.5


def distinct(replies: Sequence[str], n: int) -> float:
    """Return Dist-n: different n-grams of all replies, divided by all their n-grams.

    Li et al. 2016, "A Diversity-Promoting Objective Function for Neural Conversation Models". It
    falls as the text grows, so compare equal numbers of replies only. 0 without any n-gram.
    """
    counts = Counter(gram for reply in replies for gram in ngrams(tokenize(reply), n))
    return len(counts) / max(counts.total(), 1)


def repetition_inside(replies: Sequence[str]) -> float:
    """Return the mean over replies of 1 - different bigrams / bigrams.

    Welleck et al. 2020, "Neural Text Generation with Unlikelihood Training", whose seq-rep-n this
    is with n = 2, for short replies. A reply without a bigram counts as 0.
    """
    shares = []
    for reply in replies:
        grams = ngrams(tokenize(reply), 2)
        shares.append(1 - len(set(grams)) / len(grams) if grams else 0.0)
    return sum(shares) / max(len(shares), 1)


def repetition_across(conversations: Sequence[Sequence[str]]) -> Share:
    """Return the share of the bot's later replies that repeat an earlier one of its own.

    Our own rule: at least ``REPEATS_AT`` of the reply's different bigrams stand in one earlier
    reply of the conversation; a reply without a bigram must be equal to one.

    Args:
        conversations: utterances in turn, the person's first.
    """
    flags = []
    for utterances in conversations:
        own = [tokenize(reply) for reply in utterances[1::2]]
        for place in range(1, len(own)):
            flags.append(any(_repeats(own[place], earlier) for earlier in own[:place]))
    return share_of(flags)


def _repeats(reply: Tokens, earlier: Tokens) -> bool:
    bag, other = set(ngrams(reply, 2)), set(ngrams(earlier, 2))
    return len(bag & other) >= REPEATS_AT * len(bag) if bag else reply == earlier


def identical_replies(openers: Sequence[str], replies: Sequence[str]) -> Share:
    """Return the share of openers whose reply another opener got as well.

    Openers and replies are compared without case, punctuation and spaces; of equal openers only
    the first counts. Our own rule, after the "I don't know" problem of Li et al. 2016.
    """
    askers: defaultdict[str, set[str]] = defaultdict(set)
    seen: set[str] = set()
    for opener, reply in zip(openers, replies, strict=True):
        asked = normalise(opener) or opener.strip()
        if asked not in seen:
            seen.add(asked)
            askers[normalise(reply) or reply.strip()].add(asked)
    hits = sum(len(asked) for asked in askers.values() if len(asked) > 1)
    return Share(hits, len(seen))
