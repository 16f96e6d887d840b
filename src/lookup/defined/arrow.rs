//! Batches of Arrow from the bytes of a client.

use std::io::Cursor;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use bytes::Bytes;

use crate::error::Error;
use crate::lookup::write::batch;

/// Stands before the length of a message.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// The batches of a stream of Arrow.
///
/// # Errors
/// INVALID_ARGUMENT for bytes that are no such stream, REQUEST_TOO_LARGE for too many rows.
pub(in crate::lookup) fn arrow_batches(body: &Bytes, max_rows: usize) -> Result<Vec<RecordBatch>, Error> {
    let invalid = |error: arrow_schema::ArrowError| Error::invalid("arrow_ipc", error.to_string());
    if !is_complete(body) {
        return Err(Error::invalid("arrow_ipc", "the stream ends within a message, or a length in it is wrong"));
    }
    let reader = StreamReader::try_new(Cursor::new(&body[..]), None).map_err(invalid)?;
    let (mut batches, mut rows) = (Vec::new(), 0);
    for batch in reader {
        let batch = batch.map_err(invalid)?;
        rows += batch.num_rows();
        if rows > max_rows {
            return Err(batch::too_many(max_rows));
        }
        batches.push(batch);
    }
    Ok(batches)
}

/// Whether all that the messages say of their lengths is there. The reader makes room for as much as they say, up to 2 GiB for ten bytes,
/// before it finds that nothing comes.
fn is_complete(mut bytes: &[u8]) -> bool {
    while let Some((mut length, mut rest)) = bytes.split_first_chunk::<4>() {
        if *length == CONTINUATION {
            let Some(next) = rest.split_first_chunk() else { return false };
            (length, rest) = next;
        }
        let Ok(length) = usize::try_from(i32::from_le_bytes(*length)) else { return false };
        if length == 0 {
            // The end of the stream.
            return true;
        }
        let Some((head, rest)) = rest.split_at_checked(length) else { return false };
        // At one that can't be read the reader stops too, and says why.
        let Ok(message) = arrow_ipc::root_as_message(head) else { return true };
        let Some(next) = usize::try_from(message.bodyLength()).ok().and_then(|length| rest.get(length..)) else {
            return false;
        };
        bytes = next;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array};
    use arrow_ipc::writer::StreamWriter;

    fn stream() -> Vec<u8> {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    }

    #[test]
    fn lengths_that_nothing_follows_are_refused_before_room_is_made_for_them() {
        for bytes in [
            &b"\xff\xff\xff\xff\xff\xff\xff\x7f"[..],
            b"\xff\xff\xff\x7f",
            b"\xff\xff\xff\xff\x80\x00",
            b"\x00\x00\x00\x80",
        ] {
            let error = arrow_batches(&Bytes::copy_from_slice(bytes), 10).unwrap_err();
            assert!(error.message().contains("ends within a message"), "{error}");
        }
    }

    #[test]
    fn a_stream_is_read_whole_or_cut_between_its_messages() {
        let stream = stream();
        let batches = arrow_batches(&Bytes::from(stream.clone()), 6).unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 6);
        assert!(arrow_batches(&Bytes::from(stream.clone()), 5).unwrap_err().message().contains("more than 5 rows"));
        let complete = (0..=stream.len()).filter(|end| is_complete(&stream[..*end])).count();
        // Up to three bytes after each of the three messages could begin another one, and the end has eight.
        assert!((4..30).contains(&complete), "{complete}");
        for end in 0..stream.len() {
            drop(arrow_batches(&Bytes::copy_from_slice(&stream[..end]), 10));
        }
    }
}
