"""Exchanges of a memory dialogue: telling, asking, correcting, using what was told."""

import random
from collections.abc import Sequence

from training.memory.facts import Fact
from training.memory.material import Kind, Question, Speech
from training.memory.voice import Voice, fill, slots_of

Exchange = tuple[str, str]

# “我叫林静，我爱吃面”: the second 我 may go before these.
_SECOND_I = tuple("我" + next_ for next_ in "是最喜现今在想不对会上学平每运读人爱")


class Scene:
    """The exchanges of one dialogue; it remembers which templates were used."""

    def __init__(self, speech: Speech, rng: random.Random) -> None:
        self._speech = speech
        self._rng = rng
        self.voice = Voice(rng)

    def tell(self, fact: Fact, *, first: bool, lead: bool = True) -> Exchange:
        """The person tells a fact, sometimes with a word about the moment."""
        kind, words, voice = fact.kind, fact.words, self.voice
        leads = self._leads(first) if lead else ()
        if voice.chance(0.3 if kind.aside else 0.03):
            claim = voice.pick(kind.claim, words)
            tail, answer = voice.pick(self._speech.tail, words, "".join)
            message = voice.message(f"{claim}，{tail}", words, leads)
            nod = fill(voice.pick(kind.nod, words, fits=_is_one_clause), words)
            return message, f"{nod}{'，' if kind.id == 'name' else '。'}{answer}"
        message = voice.message(voice.pick(kind.tell, words), words, leads)
        return message, voice.reply(kind.react, words)

    def tell_both(self, one: Fact, other: Fact, *, first: bool) -> Exchange:
        """The person tells two facts of different kinds in one message."""
        voice, facts = self.voice, (one, other)
        claims = [fill(voice.pick(fact.kind.claim, fact.words), fact.words) for fact in facts]
        nods = [
            fill(voice.pick(fact.kind.nod, fact.words, fits=_is_one_clause), fact.words)
            for fact in facts
        ]
        if claims[0].startswith("我") and claims[1].startswith(_SECOND_I) and voice.chance(0.6):
            claims[1] = claims[1][1:]
        message = voice.message("，".join(claims), {}, self._leads(first))
        return message, "，".join(nods) + "。"

    def tell_pair(self, one: Fact, other: Fact, *, first: bool) -> Exchange:
        """The person tells two facts of the same kind in one message."""
        words = {
            f"{place}.{name}": text
            for place, fact in (("a", one), ("b", other))
            for name, text in fact.words.items()
        }
        message, answer = self.voice.pick(one.kind.pair, words, "".join)
        return self.voice.message(message, words, self._leads(first)), fill(answer, words)

    def ask(self, fact: Fact, question: Question, *, leads: Sequence[str] = ()) -> Exchange:
        """The person asks for what was told, and 小闲 knows it."""
        message = self.voice.pick(question.ask, fact.words)
        answer = self.voice.reply(question.answer, fact.words)
        return self.voice.question(message, fact.words, leads), answer

    def ask_untold(self, fact: Fact, question: Question) -> Exchange:
        """The person asks for what it never told; ``fact`` lends nothing but its key."""
        key = fact.kind.key
        words = {key: fact.words[key]} if key and key != question.slot else {}
        if "day" in fact.words and question.slot == "what":
            words = {"day": fact.words["day"]}
        asks = [text for text in question.ask if slots_of(text) <= set(words)]
        answer = self._rng.choice(question.untold)
        return self.voice.question(self.voice.pick(asks, words), words), fill(answer, words)

    def confirm(self, fact: Fact, wrong: Fact | None) -> Exchange:
        """The person says the fact again, right or wrong, and asks whether that is so."""
        said = fill(fact.kind.claim[0], (wrong or fact).words)
        words = {"recap": fill(fact.kind.recap, fact.words)}
        message = said + self._rng.choice(self._speech.sure)
        answers = self._speech.no if wrong else self._speech.yes
        return self.voice.question(message, {}), self.voice.reply(answers, words)

    def correct(self, new: Fact) -> Exchange:
        """The person corrects what it told before."""
        words = {**new.words, "phrase": fill(new.kind.phrase, new.words)}
        message = self.voice.pick(new.kind.fix, words)
        return self.voice.message(message, words), self.voice.reply(self._speech.fixed, words)

    def use(self, fact: Fact) -> Exchange:
        """The person asks for something else, and the answer takes the fact into account."""
        message, answer = self.voice.pick(fact.kind.use, fact.words, "".join)
        return self.voice.message(message, fact.words), fill(answer, fact.words)

    def mirror(self, fact: Fact, question: Question) -> list[Exchange]:
        """The person asks 小闲 the same about itself, and then for its own."""
        asked, own = self.voice.pick(fact.kind.mirror, fact.words, "".join)
        back = self.voice.pick(fact.kind.back, fact.words)
        answer = self.voice.reply(question.answer, fact.words)
        return [
            (self.voice.question(asked, {}), own),
            (self.voice.question(back, fact.words), answer),
        ]

    def recap(self, facts: Sequence[Fact]) -> Exchange:
        """The person asks for everything it told."""
        told = "，".join(fill(fact.kind.recap, fact.words) for fact in facts)
        message = self.voice.question(self.voice.pick(self._speech.whole, {}), {})
        return message, self.voice.reply(self._speech.whole_reply, {"all": told})

    def open(self) -> Exchange:
        """The person opens the talk without telling anything."""
        message, answer = self.voice.pick(self._speech.open, {}, "".join)
        return self.voice.message(message, {}), answer

    def praise(self) -> Exchange:
        """The person is content with an answer."""
        message, answer = self.voice.pick(self._speech.praise, {}, "".join)
        return self.voice.message(message, {}), answer

    def leads_to_ask(self) -> tuple[str, ...]:
        """Return what may open a question after small talk; mostly nothing."""
        return self._speech.again if self.voice.chance(0.35) else ()

    def leads_to_next(self) -> tuple[str, ...]:
        """Return what may open a second question; mostly nothing."""
        return self._speech.then if self.voice.chance(0.4) else ()

    def _leads(self, first: bool) -> tuple[str, ...]:
        if not self.voice.chance(0.2 if first else 0.5):
            return ()
        return self._speech.hello if first else self._speech.also


def questions_of(kind: Kind, *, alone: bool) -> list[Question]:
    """Return the questions that have one answer; ``alone``: no second fact of the kind is told."""
    return [question for question in kind.questions if alone or not question.only]


def _is_one_clause(template: str) -> bool:
    return "，" not in template
