//! Frames (RFC 9113, section 4): nine bytes, and a payload.

/// Bytes before a payload.
pub(super) const HEAD: usize = 9;
/// What a client says first.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The longest payload unless a peer allows more, which this client does not.
pub(super) const LONGEST: usize = 1 << 14;

// Kinds.
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

// Flags.
pub(super) const END_STREAM: u8 = 0x1;
pub(super) const ACK: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;
pub(super) const PRIORITY: u8 = 0x20;

// Settings.
pub(super) const HEADER_TABLE_SIZE: u16 = 1;
pub(super) const ENABLE_PUSH: u16 = 2;
pub(super) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(super) const MAX_FRAME_SIZE: u16 = 5;

/// The code of a RST_STREAM for an answer that is no longer of use.
pub(super) const CANCEL: u32 = 8;

/// What a frame says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// Bytes of the payload.
    pub(super) length: usize,
    pub(super) kind: u8,
    flags: u8,
    /// 0: the connection.
    pub(super) stream: u32,
}

impl Head {
    /// The head at the beginning of the bytes, if all of it is there.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let &[high, middle, low, kind, flags, a, b, c, d] = bytes.first_chunk::<HEAD>()?;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        Some(Self { length, kind, flags, stream: number([a, b, c, d]) & 0x7fff_ffff })
    }

    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Appends the head of a frame whose payload of at most [`LONGEST`] bytes, or what the peer allows, follows.
pub(super) fn put(out: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    let [.., high, middle, low] = length.to_be_bytes();
    out.extend_from_slice(&[high, middle, low, kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
}

/// Puts the stream into the head of a frame.
pub(super) fn set_stream(frame: &mut [u8], stream: u32) {
    frame[5..HEAD].copy_from_slice(&stream.to_be_bytes());
}

/// Appends a WINDOW_UPDATE of the connection.
pub(super) fn put_window_update(out: &mut Vec<u8>, increment: u32) {
    put(out, 4, WINDOW_UPDATE, 0, 0);
    out.extend_from_slice(&increment.to_be_bytes());
}

/// Appends a RST_STREAM.
pub(super) fn put_reset(out: &mut Vec<u8>, stream: u32, code: u32) {
    put(out, 4, RST_STREAM, 0, stream);
    out.extend_from_slice(&code.to_be_bytes());
}

/// Appends SETTINGS of (name, value).
pub(super) fn put_settings(out: &mut Vec<u8>, settings: &[(u16, u32)]) {
    put(out, 6 * settings.len(), SETTINGS, 0, 0);
    for (name, value) in settings {
        out.extend_from_slice(&name.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Four bytes of a payload as a number.
pub(super) fn number(bytes: [u8; 4]) -> u32 {
    u32::from_be_bytes(bytes)
}
