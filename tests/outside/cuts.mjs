// Pages that lose their connections and are reloaded, over and over, on any of some nodes: cuts.mjs PATH-OF-WS GROUP URL,URL
// Each gets what is published in its order and once, or is told before the first message behind a gap.

import assert from "node:assert";

import { WebConnectionWebSocket } from "../../src/script/webconnection-websocket.js";

const [library, group, urls] = process.argv.slice(2);
const { WebSocket } = await import(library);
const nodes = urls.split(",");
const PAGES = 20, MESSAGES = 400;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const any = (of) => of[Math.floor(Math.random() * of.length)];

class Page {
  heard = []; // Numbers, and a string where it was told that something is missing.
  opened = 0;
  isResumed = false;

  constructor(name) {
    this.name = name;
    this.load();
  }

  // A page that is loaded again, with what it kept.
  load(positions) {
    const page = this;
    class Own extends WebSocket {
      constructor(...all) {
        super(...all);
        page.connection = this;
      }
    }
    const url = `${any(nodes).replace("http", "ws")}/__initializeSocket.wc`;
    const client = this.client = new WebConnectionWebSocket(url, { WebSocket: Own, retryDelay: 200, maxRetryDelay: 400, positions });
    client.on("number", ({ message }) => this.heard.push(Number(message)));
    client.onOpenHandler = () => this.opened++;
    client.onResumeHandler = ({ recovered }) => {
      this.isResumed = true;
      if (!recovered) this.heard.push("gap");
    };
    client.onErrorHandler = () => {};
    client.tryConnect(true, group, this.name);
  }

  async suffer() {
    while (!this.isOver) {
      await sleep(Math.random() * 500);
      if (Math.random() < 0.3) {
        const { positions } = this.client;
        this.client.close();
        this.load(positions);
      } else {
        this.connection.terminate();
      }
    }
  }

  get last() {
    return this.heard.findLast(Number.isInteger);
  }
}

const pages = Array.from({ length: PAGES }, (_, number) => new Page(`page ${number}`));
await until("all pages have begun", () => pages.every(({ isResumed }) => isResumed));
for (const page of pages) page.suffer();
for (let number = 0; number < MESSAGES; number++) {
  const message = { action: "number", message: String(number), recipients: [{ type: "group", value: group }] };
  const answer = await fetch(`${any(nodes)}/__broadcastWebSocket.wc`, { method: "POST", body: JSON.stringify(message) });
  assert.equal(answer.status, 200);
  await sleep(Math.random() * 30);
}
for (const page of pages) page.isOver = true;
await until("the last message is with all pages", () => pages.every(({ last }) => last === MESSAGES - 1));
let gaps = 0;
for (const { name, heard } of pages) {
  let next = 0, isTold = false;
  for (const one of heard) {
    if (one === "gap") isTold = true;
    else {
      assert.ok(one === next || (one > next && isTold), `${name}: ${one} instead of ${next}`);
      gaps += one > next;
      [next, isTold] = [one + 1, false];
    }
  }
}
const opened = pages.reduce((sum, { opened }) => sum + opened, 0);
assert.ok(opened > 10 * PAGES, `${opened} connections`);
console.log(`${opened} connections of ${PAGES} pages, ${gaps} gaps, all of which were told`);
process.exit();

async function until(what, isSo) {
  for (let tries = 0; !isSo(); tries++) {
    assert.ok(tries < 600, `not within a minute: ${what}`);
    await sleep(100);
  }
}
