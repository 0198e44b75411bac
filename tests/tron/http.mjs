// http.mjs - a node's HTTP server: requests in, one line of JSON out, status 200
// for nearly every failure; and /dev/..., which moves the chain for a test.
import { createServer } from 'node:http';
import { endpoints, Failure, failureText, postOnly } from './api.mjs';
import { control } from './control.mjs';
import { Faults, lie } from './faults.mjs';
import { parse, stringify } from './json.mjs';

const MAX_BODY = 4 * 1024 * 1024;

async function readBody(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MAX_BODY) throw new Failure('java.lang.Exception', `body size is too big, the limit is ${MAX_BODY}`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parseBody(text) {
  if (text.trim() === '') return {};
  try {
    const body = parse(text);
    if (body && typeof body === 'object') return body;
  } catch { /* told below, as what is JSON but no object */ }
  throw new Failure('com.alibaba.fastjson.JSONException', `illegal state. ${text.trim()[0]}`);
}

function queryBody(query) {
  const body = Object.fromEntries(query);
  for (const name of ['visible', 'detail']) if (name in body) body[name] = body[name] === 'true';
  return body;
}

function page(status, message, uri) {
  return '<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html;charset=ISO-8859-1"/>\n'
    + `<title>Error ${status} ${message}</title>\n</head>\n<body><h2>HTTP ERROR ${status} ${message}</h2>\n<table>\n`
    + `<tr><th>URI:</th><td>${uri}</td></tr>\n<tr><th>STATUS:</th><td>${status}</td></tr>\n`
    + `<tr><th>MESSAGE:</th><td>${message}</td></tr>\n</table>\n</body>\n</html>\n`;
}

// One node of a chain, which may lag behind it and have faults of its own.
export class Node {
  faults = new Faults();
  lag = 0;

  constructor(chain, { estimates = false } = {}) {
    this.chain = chain;
    this.estimates = estimates;
    this.server = createServer((request, response) => this.#serve(request, response));
  }

  // What the endpoints see: under /walletsolidity/ the newest block is the solid one.
  view(isSolid) {
    const head = this.chain.head.number - this.lag;
    return { chain: this.chain, estimates: this.estimates, isSolid, head: isSolid ? Math.min(head, this.chain.solid) : head };
  }

  // Its URL, once it listens.
  async listen(host, port) {
    await new Promise((done, fail) => this.server.once('error', fail).listen(port, host, done));
    return `http://${host}:${this.server.address().port}`;
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((done) => this.server.close(done));
  }

  async #serve(request, response) {
    const url = new URL(request.url, 'http://node');
    const path = url.pathname;
    try {
      if (path.startsWith('/dev/')) {
        const text = await readBody(request);
        const answer = await this.chain.exclusive(() => control(this, path, parseBody(text)));
        return send(response, answer ? 200 : 404, stringify(answer ?? {}));
      }
      return await this.#answer(request, response, url, path);
    } catch (e) {
      if (path.startsWith('/dev/')) return send(response, 400, stringify({ error: e.message }));
      if (!(e instanceof Failure) && !e.java && !e.code) console.error(e);
      return send(response, 200, stringify({ Error: failureText(e) }));
    }
  }

  async #answer(request, response, url, path) {
    const { method } = request;
    const endpoint = endpoints.get(path);
    if (!endpoint || !['GET', 'POST'].includes(method) || (method === 'GET' && postOnly.has(path))) {
      const isMissing = !endpoint && method === 'GET';
      return isMissing ? send(response, 404, page(404, 'Not Found', path), 'text/html')
        : send(response, 405, page(405, `HTTP method ${method} is not supported by this URL`, path), 'text/html');
    }
    const text = await readBody(request);
    const fault = this.faults.next(path);
    if (fault?.hold) return undefined;
    if (fault?.close) return response.destroy();
    if (fault?.status || fault?.body !== undefined) return send(response, fault.status ?? 200, fault.body ?? '', 'text/html');
    if (fault?.answer) return send(response, 200, stringify(fault.answer));
    const body = method === 'GET' ? queryBody(url.searchParams) : parseBody(text);
    const answer = await this.chain.exclusive(() => endpoint(this.view(path.startsWith('/walletsolidity/')), body));
    return send(response, 200, stringify(fault?.set ? lie(answer, fault.set) : answer));
  }
}

function send(response, status, body, type = 'application/json;charset=utf-8') {
  const bytes = Buffer.from(`${body}\n`);
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length });
  response.end(bytes);
}
