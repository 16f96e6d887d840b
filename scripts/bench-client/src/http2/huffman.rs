//! The Huffman code of header strings (RFC 7541, section 5.2). It is canonical: the lengths of the codes tell the codes.

use super::headers::HeaderError;

const LONGEST: usize = 30;

/// Bits of the code of each byte (RFC 7541, appendix B).
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
     6, 10, 10, 12, 13,  6,  8, 11, 10, 10,  8, 11,  8,  6,  6,  6,  5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8, 15,  6, 12, 10,
    13,  6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8, 13, 19, 13, 14,  6,
    15,  5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/// The codes of one length are consecutive, and so are their bytes in the order of codes.
#[derive(Clone, Copy)]
struct Row {
    /// The first code of the length.
    code: u32,
    /// How many there are.
    count: u32,
    /// The place of the first one's byte in the order.
    place: usize,
}

/// Rows by length, and the bytes in the order of their codes.
const CODES: ([Row; LONGEST + 1], [u8; 256]) = {
    let mut rows = [Row { code: 0, count: 0, place: 0 }; LONGEST + 1];
    let mut order = [0; 256];
    let (mut length, mut code, mut place) = (1, 0, 0);
    while length <= LONGEST {
        rows[length] = Row { code, count: 0, place };
        let mut byte: u8 = 0;
        loop {
            if LENGTHS[byte as usize] as usize == length {
                order[place] = byte;
                place += 1;
                code += 1;
            }
            if byte == u8::MAX {
                break;
            }
            byte += 1;
        }
        rows[length].count = code - rows[length].code;
        code <<= 1;
        length += 1;
    }
    (rows, order)
};

/// The string that the bytes are the code of.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<u8>, HeaderError> {
    let (rows, order) = &CODES;
    let mut text = Vec::with_capacity(bytes.len() * 8 / 5);
    let (mut code, mut length) = (0_u32, 0);
    for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |place| byte >> place & 1)) {
        code = code << 1 | u32::from(bit);
        length += 1;
        let row = rows.get(length).ok_or(HeaderError::Huffman)?;
        // Below the first code of a length there are only beginnings of shorter ones, which ended before.
        let number = code - row.code;
        if number < row.count {
            text.push(order[row.place + usize::try_from(number).map_err(|_| HeaderError::Huffman)?]);
            (code, length) = (0, 0);
        }
    }
    // What is left of the last byte is filled with ones.
    if length < 8 && code == (1 << length) - 1 { Ok(text) } else { Err(HeaderError::Huffman) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_examples_of_the_rfc() {
        let examples: [(&[u8], &str); 4] = [
            (&[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff], "www.example.com"),
            (&[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f], "custom-key"),
            (&[0x64, 0x02], "302"),
            (&[], ""),
        ];
        for (bytes, text) in examples {
            assert_eq!(decode(bytes).unwrap(), text.as_bytes());
        }
    }

    #[test]
    fn refuses_what_no_encoder_writes() {
        // Zeros at the end, a byte of ones, and the code of the end of a string.
        for bytes in [[0x00].as_slice(), &[0x64, 0x02, 0xff], &[0xff, 0xff, 0xff, 0xff]] {
            assert!(decode(bytes).is_err(), "{bytes:x?}");
        }
    }
}
