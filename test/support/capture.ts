/** A DNS message and the capture around it, byte by byte. */

export interface Message {
  readonly id?: number;
  readonly name: string;
  /** A by default. */
  readonly type?: number;
  /** Leave it out for a query. Aliases and addresses in their order. */
  readonly answers?: readonly (readonly [name: string, value: string, ttl?: number])[];
  readonly rcode?: number;
}

export interface Packet extends Message {
  /** Ms since the epoch. */
  readonly at?: number;
  readonly from: string;
  readonly to: string;
  /** Of the side that asks. */
  readonly port?: number;
}

const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 255]);
const u32 = (n: number): Buffer => Buffer.concat([u16(n >>> 16), u16(n & 0xffff)]);
const ipv4 = (text: string): Buffer => Buffer.from(text.split('.').map(Number));
const name = (text: string): Buffer => Buffer.concat([...text.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])), Buffer.from([0])]);

export const message = ({ id = 1, name: asked, type = 1, answers, rcode = 0 }: Message): Buffer => {
  const records = (answers ?? []).map(([owner, value, ttl = 60]) => {
    const isAddress = /^[\d.]+$/.test(value);
    const data = isAddress ? ipv4(value) : name(value);
    // The owner of the first is the question: point to it, as servers do.
    return Buffer.concat([owner === asked ? u16(0xc00c) : name(owner), u16(isAddress ? 1 : 5), u16(1), u32(ttl), u16(data.length), data]);
  });
  const header = Buffer.concat([u16(id), u16(answers === undefined ? 0x0100 : 0x8180 | rcode), u16(1), u16(records.length), u16(0), u16(0)]);
  return Buffer.concat([header, name(asked), u16(type), u16(1), ...records]);
};

/** As `tcpdump -w` writes it on Ethernet. */
export const capture = (...packets: readonly Packet[]): Buffer => {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt32LE(262_144, 16);
  header.writeUInt32LE(1, 20);
  return Buffer.concat([header, ...packets.map(record)]);
};

const record = (packet: Packet): Buffer => {
  const { at = 0, from, to, port = 5353, answers } = packet;
  const body = message(packet);
  const [fromPort, toPort] = answers === undefined ? [port, 53] : [53, port];
  const udp = Buffer.concat([u16(fromPort), u16(toPort), u16(8 + body.length), u16(0), body]);
  const ip = Buffer.concat([Buffer.from([0x45, 0]), u16(20 + udp.length), u16(1), u16(0), Buffer.from([64, 17]), u16(0), ipv4(from), ipv4(to), udp]);
  const frame = Buffer.concat([Buffer.alloc(12), u16(0x0800), ip]);
  const head = Buffer.alloc(16);
  head.writeUInt32LE(Math.floor(at / 1000), 0);
  head.writeUInt32LE((at % 1000) * 1000, 4);
  head.writeUInt32LE(frame.length, 8);
  head.writeUInt32LE(frame.length, 12);
  return Buffer.concat([head, frame]);
};
