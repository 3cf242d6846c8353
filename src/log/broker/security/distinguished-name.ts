/**
 * The subject of an X.509 certificate as Java writes it (RFC 2253), which is what Kafka's principals are made of: the
 * most special part first, `CN=carrier,OU=Mill,O=Millrace,C=DE`. Node's own text has another order and loses which
 * commas belong to a name, so that two certificates could become one principal; this reads the DER.
 *
 *     Certificate → tbsCertificate → [version] serial signature issuer validity subject …
 *     Name = SEQUENCE OF (SET OF (SEQUENCE of type and value))
 */

/** Undefined when the bytes are no certificate. */
export function subjectOf(certificate: Uint8Array): string | undefined {
  try {
    const parts = children(children(element(Buffer.from(certificate), 0).content)[0]!.content)
    // The version is left out of certificates of version 1.
    const subject = parts[parts[0]!.tag === VERSION ? 5 : 4]!
    return children(subject.content)
      .map((relative) =>
        children(relative.content)
          .map((attribute) => attributeText(attribute.content))
          .join('+'),
      )
      .reverse()
      .join(',')
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return undefined
    throw error
  }
}

interface Element {
  readonly tag: number
  readonly content: Buffer
  /** With tag and length. */
  readonly whole: Buffer
}

const VERSION = 0xa0

/** Reads one element of DER. Throws RangeError where it does not fit. */
function element(bytes: Buffer, position: number): Element {
  const tag = bytes.readUInt8(position)
  const first = bytes.readUInt8(position + 1)
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(position + 2, lengthBytes)
  const start = position + 2 + lengthBytes
  if (start + length > bytes.length) throw new RangeError('an element is longer than what holds it')
  return {
    tag,
    content: bytes.subarray(start, start + length),
    whole: bytes.subarray(position, start + length),
  }
}

function children(bytes: Buffer): Element[] {
  const found: Element[] = []
  for (let position = 0; position < bytes.length;) {
    const next = element(bytes, position)
    found.push(next)
    position += next.whole.length
  }
  return found
}

/** RFC 2253 has names for these; all others stand as numbers, with the bytes of their values. */
const KEYWORDS: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '0.9.2342.19200300.100.1.25': 'DC',
  '0.9.2342.19200300.100.1.1': 'UID',
}

function attributeText(attribute: Buffer): string {
  const [type, value] = children(attribute) as [Element, Element]
  const id = objectId(type.content)
  const keyword = KEYWORDS[id]
  const text = keyword === undefined ? undefined : textOf(value)
  return text === undefined
    ? `${keyword ?? id}=#${value.whole.toString('hex')}`
    : `${keyword}=${escaped(text)}`
}

function objectId(bytes: Buffer): string {
  const numbers: number[] = []
  let number = 0
  for (const byte of bytes) {
    number = number * 128 + (byte & 0x7f)
    if (byte >= 0x80) continue
    if (numbers.length === 0) {
      const root = Math.min(2, Math.floor(number / 40))
      numbers.push(root, number - root * 40)
    } else numbers.push(number)
    number = 0
  }
  return numbers.join('.')
}

function textOf({ tag, content }: Element): string | undefined {
  switch (tag) {
    case 0x0c: // UTF8String
      return content.toString('utf8')
    case 0x13: // PrintableString
    case 0x14: // T61String
    case 0x16: // IA5String
    case 0x1b: // GeneralString
      return content.toString('latin1')
    case 0x1e: // BMPString
      return Buffer.from(content.subarray(0, content.length & ~1))
        .swap16()
        .toString('utf16le')
    default:
      return undefined
  }
}

function escaped(text: string): string {
  return text
    .replaceAll(/[,=+<>#;"\\]/g, String.raw`\$&`)
    .replaceAll('\0', String.raw`\00`)
    .replace(/^ +| +$/g, (spaces) => String.raw`\ `.repeat(spaces.length))
}
