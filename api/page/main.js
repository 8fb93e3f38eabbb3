/** Puts the parts of the page together. */

import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { View } from "./view.js";
import { fitKeyboard } from "./viewport.js";

const view = new View({
  onRenew: () => chat.renew(),
  onStarter: (text) => chat.send(text),
});
const composer = new Composer({
  send: (text) => chat.send(text),
  stop: () => chat.stop(),
  refuse: (reason) => view.announce(reason),
});
const chat = new Chat(view, composer);

fitKeyboard();
chat.start();
