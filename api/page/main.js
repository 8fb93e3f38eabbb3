/** Puts the parts of the page together. */

import { asksForNone, conversationInAddress } from "./address.js";
import { byId } from "./bubble.js";
import { Chat } from "./chat.js";
import { Classifying } from "./classifying.js";
import { Composer } from "./composer.js";
import { Conversations } from "./conversations.js";
import { offerOther, recallLanguage, t } from "./language.js";
import { draft, session } from "./memory.js";
import { Presence } from "./presence.js";
import { Settings } from "./settings.js";
import { Tabs } from "./tabs.js";
import { View } from "./view.js";
import { fitKeyboard } from "./viewport.js";
import { Writing } from "./writing.js";

await recallLanguage();

const tabs = new Tabs();
const view = new View({
  onRenew: () => chat.renew(),
  onStarter: (text) => chat.send(text),
});
const announce = (text) => view.announce(text);
const words = {
  send: "发送",
  stop: "停下",
  note: "小闲是个程序，难免说错话，别太当真。",
  waking: "小闲还没醒，醒了就能发。",
};
const composer = new Composer(byId("panel-chat"), draft, words, {
  send: (text) => chat.send(text),
  stop: () => chat.stop(),
  refuse: announce,
});
const conversations = new Conversations({
  announce,
  deleted: (id) => id === session.get() && chat.renew(),
});
const presence = new Presence();
const chat = new Chat(view, composer, presence, {
  stored: () => conversations.refresh(),
  opened: () => conversations.mark(),
});

offerOther(byId("language"), () => {
  composer.tell(t("换不了语言：连不上小闲，看看网络再试。"), true);
});
window.addEventListener("hashchange", () => {
  const id = conversationInAddress();
  if (id) chat.open(id);
  else if (asksForNone() && session.get()) chat.renew();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) conversations.refresh(); // Another window may have changed something.
});

fitKeyboard();
chat.start(conversationInAddress() ?? session.get());
conversations.refresh();
new Settings(presence, () => conversations.refresh());
new Writing(announce);
new Classifying(announce).start(() => tabs.reveal("tab-classify"));
