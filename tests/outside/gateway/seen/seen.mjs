// Tells what Node calls the path of a request, and whether it looks like one of the gateway's.
import { createServer } from "node:http";

const [address, port] = process.argv.slice(2);
createServer(({ url, headers }, response) => {
  const paths = [url.split("?")[0]];
  try { paths.push(new URL(url, "http://localhost").pathname); } catch { /* No path for `URL`. */ }
  try { paths.push(decodeURIComponent(paths.at(-1))); } catch { /* Not UTF-8. */ }
  const ours = Object.keys(headers).some((name) => /^(websocket|signature)[^a-z0-9]/.test(name));
  const body = JSON.stringify({ paths, ours });
  response.writeHead(200, { "content-type": "application/json" }).end(body);
}).listen(Number(port), address);
