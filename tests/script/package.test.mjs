// The folder src/script as an npm package: installed, type-checked, bundled, linted.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import fs from "node:fs/promises";
import path from "node:path";
import { before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

import { FakeWebSocket, library, outside, root } from "./support.mjs";

const run = promisify(execFile);
const source = path.join(root, "src/script");
const user = path.join(outside, "script-user");

before(async () => {
  await fs.rm(user, { recursive: true, force: true });
  await fs.mkdir(path.join(user, "node_modules"), { recursive: true });
  await fs.symlink(source, path.join(user, "node_modules/web-connection-websocket"));
  await fs.writeFile(path.join(user, "package.json"), '{ "type": "module" }');
  await fs.copyFile(path.join(root, "tests/script/sample.ts"), path.join(user, "sample.ts"));
});

test("its types know every name, for Node and for a bundler", async () => {
  const tsc = path.join(outside, "node_modules/typescript/bin/tsc");
  for (const [module, resolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]]) {
    const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--types", "", "--target", "es2022", "--lib", "es2022,dom"];
    const args = [tsc, ...options, "--module", module, "--moduleResolution", resolution, "sample.ts"];
    await run(process.execPath, args, { cwd: user }).catch(({ stdout, stderr }) => assert.fail(stdout + stderr));
  }
});

test("a bundler takes it in, and leaves it out where it is not used", async () => {
  const { build } = library("esbuild");
  const bundle = async (contents) => {
    const stdin = { contents, resolveDir: user };
    const { outputFiles, warnings } = await build({ stdin, bundle: true, format: "esm", target: "es2022", write: false });
    assert.deepEqual(warnings, []);
    return outputFiles[0].text;
  };
  for (const name of ["", "/webconnection-websocket.js", "/web-connection-websocket.js"]) {
    const text = await bundle(`export { WebConnectionWebSocket } from "web-connection-websocket${name}"`);
    const file = path.join(user, "bundle.mjs");
    await fs.writeFile(file, text);
    const { WebConnectionWebSocket } = await import(`${pathToFileURL(file)}?${name}`);
    const socket = new WebConnectionWebSocket("ws://chat.example/", { WebSocket: FakeWebSocket });
    socket.tryConnect();
    FakeWebSocket.last.open();
    socket.send("hello");
    assert.deepEqual(FakeWebSocket.last.sent, ["hello"]);
  }
  const unused = await bundle('import { WebConnectionWebSocket } from "web-connection-websocket"; const unused = WebConnectionWebSocket;');
  assert.doesNotMatch(unused, /tryConnect/);
});

test("Node imports it by every name", async () => {
  const file = path.join(user, "imports.mjs");
  await fs.writeFile(file, `
    import * as one from "web-connection-websocket";
    import * as two from "web-connection-websocket/webconnection-websocket.js";
    import * as three from "web-connection-websocket/web-connection-websocket.js";
    export const names = [one, two, three].map(Object.keys);
    export const isOne = one.WebConnectionWebSocket === two.WebConnectionWebSocket && one.WebConnectionWebSocket === three.WebConnectionWebSocket;
  `);
  const { names, isOne } = await import(pathToFileURL(file));
  assert.deepEqual(names, Array(3).fill(["WebConnectionWebSocket"]));
  assert.ok(isOne);
});

test("publint has nothing to say", async () => {
  const { publint } = await import(pathToFileURL(library.resolve("publint")));
  const { messages } = await publint({ pkgDir: source, strict: true });
  assert.deepEqual(messages, []);
});

test("it has the crate's version and a page of its own", async () => {
  const manifest = await fs.readFile(path.join(root, "Cargo.toml"), "utf8");
  const { version, files } = JSON.parse(await fs.readFile(path.join(source, "package.json"), "utf8"));
  assert.equal(version, /^version = "(.+)"$/m.exec(manifest)[1]);

  const { stdout } = await run("npm", ["pack", "--dry-run", "--json", source]);
  const [packed] = JSON.parse(stdout);
  const names = packed.files.map((file) => file.path).sort();
  assert.deepEqual(names, ["README.md", "package.json", ...files].sort());
});
