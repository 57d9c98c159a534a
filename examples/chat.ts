// A small client of the socket protocol for browsers, React Native and Node: no dependency.
//
//   const client = new ChatClient("wss://api.example.com/v1/socket", () => freshToken(), {
//     onMessage: (m) => console.log(m.seq, m.senderId, m.text),
//     places: JSON.parse((await AsyncStorage.getItem("places")) ?? "{}"),
//     onPlaces: (places) => AsyncStorage.setItem("places", JSON.stringify(places)),
//   });
//   client.start();
//   await client.send(conversationId, "On my way");   // resolves when the message is durable
//
// Call stop() when the app goes to the background, start() when it comes back.

export type Place = { seq: number; epoch: string | null };
export type Places = Record<string, Place>; // by stream: all there is to remember
export type Frame = { type: string; [field: string]: any };

export interface ChatOptions {
  onMessage(message: Frame): void;
  onEvent?(event: Frame): void; // every other numbered event: bounty.*, wallet.*, ...
  onPlaces?(places: Places): void; // store them; give them back as `places` at the next start
  onEnd?(code: number, reason: string): void; // the server said not to come back
  places?: Places;
  WebSocket?: typeof WebSocket; // for runtimes without a global one
}

// Close codes after which coming back by itself is wrong (docs/protocol.md).
const FINAL = new Set([1003, 1007, 4401, 4403, 4409, 4410, 4426]);
const BACKOFF_MS = { first: 1000, most: 30000 };

type Request = { frame: Frame; resolve(ack: Frame): void; reject(error: Error): void };

export class ChatClient {
  private socket: WebSocket | null = null;
  private welcomed = false;
  private running = false;
  private ceilingMs = BACKOFF_MS.first;
  private timers = new Set<ReturnType<typeof setTimeout>>();
  private heardAt = 0;
  private places: Places;
  private unanswered = new Map<string, Request>();

  constructor(
    private url: string,
    private token: () => string | Promise<string>,
    private options: ChatOptions,
  ) {
    this.places = { ...options.places };
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    void this.connect();
  }

  stop(): void {
    this.running = false;
    this.timers.forEach(clearTimeout);
    this.timers.clear();
    this.socket?.close(1000);
    this.socket = null;
  }

  /** Send a message. It is repeated until it is answered, and stored once. */
  send(conversationId: string, text: string): Promise<Frame> {
    return this.request("message.send", { conversationId, text, clientMsgId: uuid() });
  }

  /** Any operation of the catalogue (see /docs), over the socket. */
  async call(op: string, args: Record<string, unknown> = {}): Promise<any> {
    return (await this.request("call", { op, args, idempotencyKey: uuid() })).result;
  }

  request(type: string, fields: Record<string, unknown>): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const frame = { ...fields, type, id: uuid() };
      this.unanswered.set(frame.id, { frame, resolve, reject });
      if (this.welcomed) this.say(frame);
    });
  }

  private async connect(): Promise<void> {
    let token: string;
    try {
      token = await this.token();
    } catch {
      return this.connectLater();
    }
    if (!this.running) return;
    const Socket = this.options.WebSocket ?? WebSocket;
    // A browser cannot set headers: the token travels as an item of the subprotocol list.
    const socket = new Socket(this.url, ["bounty.v1.json", `bearer.${token}`]);
    this.socket = socket;
    this.heardAt = Date.now();
    socket.onopen = () => this.say({ type: "hello", v: 1, streams: this.places });
    socket.onmessage = (event) => this.take(JSON.parse(String(event.data)));
    socket.onerror = () => {}; // onclose follows
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.leave();
      if (FINAL.has(event.code)) {
        this.running = false;
        const error = new Error(`closed with ${event.code} ${event.reason}`);
        this.unanswered.forEach((request) => request.reject(error));
        this.unanswered.clear();
        this.options.onEnd?.(event.code, event.reason);
      } else {
        this.connectLater();
      }
    };
  }

  private leave(): void {
    this.socket = null;
    this.welcomed = false;
    this.timers.forEach(clearTimeout);
    this.timers.clear();
  }

  private connectLater(afterMs?: number): void {
    if (!this.running) return;
    this.after(afterMs ?? Math.random() * this.ceilingMs, () => void this.connect());
    if (afterMs === undefined) this.ceilingMs = Math.min(this.ceilingMs * 2, BACKOFF_MS.most);
  }

  private take(frame: Frame): void {
    this.heardAt = Date.now();
    switch (frame.type) {
      case "welcome":
        this.welcome(frame);
        return;
      case "reconnect": { // the server is about to restart
        const socket = this.socket;
        this.leave();
        socket?.close(1000);
        this.connectLater(frame.afterMs);
        return;
      }
      case "gap": { // we read too slowly, and the server dropped events
        const wanted: Places = {};
        for (const name of frame.streams) wanted[name] = this.places[name] ?? { seq: 0, epoch: null };
        this.say({ type: "sync", streams: wanted });
        return;
      }
      case "auth.expiring":
        void Promise.resolve(this.token()).then((token) => this.say({ type: "auth.refresh", token }));
        return;
      case "ping":
        this.say({ type: "pong", t: frame.t });
        return;
    }
    if (frame.re !== undefined && this.unanswered.has(frame.re)) this.answer(frame);
    else if (frame.stream !== undefined && frame.seq !== undefined) this.event(frame);
  }

  private welcome(frame: Frame): void {
    this.welcomed = true;
    this.after(5000, () => (this.ceilingMs = BACKOFF_MS.first));
    // Streams that are new to us begin at their heads; what we missed of the others is replayed.
    for (const [name, head] of Object.entries<Place>(frame.heads)) this.places[name] ??= head;
    this.keepAlive(frame.heartbeatMs);
    this.unanswered.forEach((request) => this.say(request.frame));
  }

  private keepAlive(heartbeatMs: number): void {
    this.after(heartbeatMs * 0.8, () => {
      // Nothing heard for so long: the connection is dead, whatever the system believes.
      if (Date.now() - this.heardAt > heartbeatMs * 2.5) {
        const socket = this.socket;
        this.leave();
        socket?.close();
        this.connectLater();
        return;
      }
      this.say({ type: "ping", t: Date.now() });
      this.keepAlive(heartbeatMs);
    });
  }

  private answer(frame: Frame): void {
    const request = this.unanswered.get(frame.re)!;
    if (frame.type === "error" && frame.retryable) {
      this.after(frame.retryAfterMs ?? 1000, () => this.say(request.frame));
      return;
    }
    this.unanswered.delete(frame.re);
    if (frame.type === "error") {
      request.reject(new Error(`${frame.code}: ${frame.message}`));
      return;
    }
    const place = this.places[`conv:${frame.conversationId}`];
    if (place !== undefined && place.seq + 1 === frame.seq) place.seq += 1; // our own copy
    this.options.onPlaces?.(this.places);
    request.resolve(frame);
  }

  private event(frame: Frame): void {
    const known = this.places[frame.stream];
    if (known !== undefined && frame.seq <= known.seq) return; // heard before
    this.places[frame.stream] = { seq: frame.seq, epoch: frame.epoch };
    if (frame.type === "message.new") this.options.onMessage(frame);
    else this.options.onEvent?.(frame);
    this.options.onPlaces?.(this.places);
  }

  private say(frame: Frame): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(frame));
  }

  private after(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      action();
    }, ms);
    this.timers.add(timer);
  }
}

function uuid(): string {
  // React Native has no crypto.randomUUID; these ids must be unique, not secret.
  return "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replace(/x/g, () =>
    Math.floor(Math.random() * 16).toString(16),
  );
}
