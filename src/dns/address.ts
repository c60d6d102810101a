/** The address in `b[from, from + 4)`. */
export const printIpv4 = (b: Buffer, from: number): string => `${b[from]}.${b[from + 1]}.${b[from + 2]}.${b[from + 3]}`;

/** The address in `b[from, from + 16)`; one of IPv4 in IPv6 as IPv4. */
export const printIpv6 = (b: Buffer, from: number): string => {
  const groups = Array.from({ length: 8 }, (_, i) => b.readUInt16BE(from + 2 * i).toString(16));
  if (groups.slice(0, 5).every((g) => g === '0') && groups[5] === 'ffff') return printIpv4(b, from + 12);
  // The URL parser of the platform writes RFC 5952.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
};

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?=\d)|$)){4}$/;
const IPV6 = /^[0-9a-f:]*:[0-9a-f:.]*$/i;

/** An address in its one printed form; undefined for text that is none. */
export const readAddress = (text: string): string | undefined => {
  if (text.length > 45) return undefined;
  if (IPV4.test(text)) return text;
  const url = `http://[${text}]/`;
  if (!IPV6.test(text) || !URL.canParse(url)) return undefined;
  const printed = new URL(url).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(printed);
  return mapped ? printIpv4(Buffer.from(`${mapped[1]?.padStart(4, '0')}${mapped[2]?.padStart(4, '0')}`, 'hex'), 0) : printed;
};
