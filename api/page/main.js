/** Puts the parts of the page together. */

import { byId } from "./bubble.js";
import { Chat } from "./chat.js";
import { Classifying } from "./classifying.js";
import { Composer } from "./composer.js";
import { draft } from "./memory.js";
import { Tabs } from "./tabs.js";
import { View } from "./view.js";
import { fitKeyboard } from "./viewport.js";
import { Writing } from "./writing.js";

const CHAT_WORDS = {
  send: "发送",
  stop: "停止",
  note: "小闲是个程序，难免说错话，别太当真。",
  waking: "小闲还没醒，醒了就能发。",
};

const tabs = new Tabs();
const view = new View({
  onRenew: () => chat.renew(),
  onStarter: (text) => chat.send(text),
});
const announce = (text) => view.announce(text);
const composer = new Composer(byId("panel-chat"), draft, CHAT_WORDS, {
  send: (text) => chat.send(text),
  stop: () => chat.stop(),
  refuse: announce,
});
const chat = new Chat(view, composer);

fitKeyboard();
chat.start();
new Writing(announce);
new Classifying(announce).start(() => tabs.reveal("tab-classify"));
