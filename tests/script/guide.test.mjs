// The recipe of the guide, word by word: its types are checked, Vite builds it, and its development server passes sockets on.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

import { WebConnectionWebSocket } from "../../src/script/webconnection-websocket.js";
import { library, outside, root } from "./support.mjs";

const run = promisify(execFile);
const recipe = path.join(outside, "recipe");
const { WebSocket, WebSocketServer } = library("ws");
const vite = () => import(pathToFileURL(library.resolve("vite")));

before(async () => {
  await fs.rm(recipe, { recursive: true, force: true });
  await fs.mkdir(path.join(recipe, "node_modules"), { recursive: true });
  await fs.symlink(path.join(root, "src/script"), path.join(recipe, "node_modules/web-connection-websocket"));
  await fs.writeFile(path.join(recipe, "package.json"), '{ "type": "module" }');
  await fs.writeFile(path.join(recipe, "index.html"), '<div id="root"></div><script type="module" src="/src/main.tsx"></script>');
  const guide = await fs.readFile(path.join(root, "src/guide/browser.md"), "utf8");
  const files = [...guide.matchAll(/^`([\w./]+)`\n\n```tsx?\n(.*?)^```$/gms)];
  assert.deepEqual(files.map(([, name]) => name), ["vite.config.ts", "src/socket.ts", "src/Chat.tsx", "src/main.tsx"]);
  for (const [, name, text] of files) {
    await fs.mkdir(path.dirname(path.join(recipe, name)), { recursive: true });
    await fs.writeFile(path.join(recipe, name), text);
  }
});

test("its types are right", async () => {
  const tsc = path.join(outside, "node_modules/typescript/bin/tsc");
  const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--jsx", "react-jsx", "--types", "", "--skipLibCheck"];
  const target = ["--target", "es2022", "--lib", "es2022,dom,dom.iterable", "--module", "esnext", "--moduleResolution", "bundler"];
  const args = [tsc, ...options, ...target, "vite.config.ts", "src/main.tsx"];
  await run(process.execPath, args, { cwd: recipe }).catch(({ stdout, stderr }) => assert.fail(stdout + stderr));
});

test("Vite builds it", async () => {
  const { build } = await vite();
  const { output } = await build({ root: recipe, logLevel: "silent", build: { write: false } });
  const code = output.map(({ code = "" }) => code).join("");
  assert.match(code, /__initializeSocket\.wc/);
});

test("Vite's development server passes the socket and the question why on, for the page's own site", async (t) => {
  const asked = [];
  const backend = http.createServer((request, response) => {
    asked.push(request);
    response.writeHead(403, { "content-type": "application/problem+json" }).end('{"code":"foreign_origin","detail":"No."}');
  });
  let accepts = true;
  const sockets = new WebSocketServer({ noServer: true });
  backend.on("upgrade", (request, stream, head) => {
    asked.push(request);
    if (!accepts) return stream.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    sockets.handleUpgrade(request, stream, head, (socket) => socket.send('{"action":"welcome"}'));
  });
  await once(backend.listen(0, "127.0.0.1"), "listening");
  t.after(() => { backend.close(); backend.closeAllConnections(); });

  const { createServer } = await vite();
  const target = `http://127.0.0.1:${backend.address().port}`;
  const server = await createServer({
    root: recipe,
    logLevel: "silent",
    server: { host: "127.0.0.1", port: 0, hmr: false, proxy: { "/__initializeSocket.wc": { target } } },
  });
  t.after(() => server.close());
  await server.listen();
  const { port } = server.httpServer.address();

  const told = new EventTarget();
  const socket = new WebConnectionWebSocket(`ws://127.0.0.1:${port}/__initializeSocket.wc`, { WebSocket, retryDelay: 0 });
  t.after(() => socket.close());
  socket.on("welcome", () => told.dispatchEvent(new Event("welcome")));
  socket.onErrorHandler = (error) => told.dispatchEvent(Object.assign(new Event("refused"), { error }));
  const signal = AbortSignal.timeout(30_000);
  const welcome = once(told, "welcome", { signal });
  socket.tryConnect(true);
  await welcome;
  accepts = false;
  const refused = once(told, "refused", { signal });
  for (const client of sockets.clients) client.terminate();
  const [{ error }] = await refused;
  assert.deepEqual([error.status, error.code], [403, "foreign_origin"]);
  assert.deepEqual(asked.map(({ headers }) => headers.host), Array(3).fill(`127.0.0.1:${port}`));
});
