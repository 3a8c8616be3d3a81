// A raw HTTP/1.1 connection over a unix socket, for figures in which fetch would be the larger part.

/** Sends requests one after the other on one connection. */
export class Connection {
  readonly #socketPath: string;
  #onAnswer: (answer: string) => void = () => undefined;
  #write: (text: string) => void = () => undefined;
  #end: () => void = () => undefined;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  async open(): Promise<this> {
    const socket = await Bun.connect({
      unix: this.#socketPath,
      socket: { data: (_, chunk) => this.#onAnswer(chunk.toString("latin1")) },
    });
    this.#write = (text) => void socket.write(text);
    this.#end = () => void socket.end();
    return this;
  }

  /** Sends a request and resolves with the first chunk of its answer, which for a frame is all of it. */
  async send(method: string, path: string, headers = ""): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#onAnswer = resolve;
    this.#write(
      `${method} ${path} HTTP/1.1\r\nHost: x\r\n${headers}${method === "POST" ? "Content-Length: 0\r\n" : ""}\r\n`,
    );
    const answer = await promise;
    if (!answer.startsWith("HTTP/1.1 2")) throw new Error(`${path} answered: ${answer}`);
    return answer;
  }

  /** Sends a read and hands on each chunk of its answer as it comes. */
  stream(path: string, onChunk: (chunk: string) => void): void {
    this.#onAnswer = onChunk;
    this.#write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  }

  close(): void {
    this.#end();
  }
}

/** The header that carries meta. */
export const metaHeader = (value: object): string =>
  `xs-meta: ${Buffer.from(JSON.stringify(value)).toString("base64")}\r\n`;

/** Milliseconds on a clock that all processes of this machine share. */
export const sharedNow = (): number => performance.timeOrigin + performance.now();
