use super::*;

/// Rows of these lengths; 0 is a bad row, and after them the fault.
struct Lengths(std::vec::IntoIter<usize>, u64, Option<LoadError>);

impl Lengths {
    fn batcher(lengths: Vec<usize>, fault: Option<&str>, strict: bool) -> Batcher {
        Batcher::new(Box::new(Self(lengths.into_iter(), 0, fault.map(LoadError::new))), 3, strict)
    }
}

impl RowReader for Lengths {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<Row>, LoadError> {
        let Some(length) = self.0.next() else {
            return self.2.take().map_or(Ok(None), Err);
        };
        self.1 += 1;
        if length == 0 {
            out.extend_from_slice(b"half a row");
            return Ok(Some(Row::Bad(BadRow::invalid(self.1, "x", "bad"))));
        }
        out.resize(out.len() + length, b'x');
        Ok(Some(Row::Good(self.1)))
    }

    fn progress(&self) -> u64 {
        self.1
    }
}

fn batches(mut batcher: Batcher) -> (Vec<Batch>, Result<(), LoadError>) {
    let mut found = Vec::new();
    loop {
        match batcher.next() {
            Ok(Some(batch)) => found.push(batch),
            Ok(None) => return (found, Ok(())),
            Err(error) => return (found, Err(error)),
        }
    }
}

fn shape(batch: &Batch) -> (usize, Vec<u64>, Vec<u64>) {
    assert_eq!(memchr::memchr_iter(b'\n', &batch.ndjson).count(), batch.positions.len());
    (batch.ndjson.len(), batch.positions.clone(), batch.bad.iter().map(|bad| bad.position).collect())
}

#[test]
fn batches_end_at_rows_or_bytes_and_keep_positions() {
    let (found, ended) = batches(Lengths::batcher(vec![1, 0, 2, 3, BATCH_BYTES - 4, BATCH_BYTES, 1], None, false));
    let shapes: Vec<_> = found.iter().map(shape).collect();
    let expected = [
        (5, vec![1, 3], vec![2]),
        (4, vec![4], vec![]),
        (BATCH_BYTES - 3, vec![5], vec![]),
        (BATCH_BYTES + 1, vec![6], vec![]),
        (2, vec![7], vec![]),
    ];
    assert_eq!(shapes, expected);
    assert_eq!(ended, Ok(()));
    assert_eq!(batches(Lengths::batcher(vec![], None, false)), (vec![], Ok(())));
}

#[test]
fn a_row_longer_than_any_target_takes_is_bad() {
    let (found, _) = batches(Lengths::batcher(vec![1, MAX_ROW_BYTES + 1, 1], None, false));
    assert_eq!(shape(&found[0]), (4, vec![1, 3], vec![2]));
    assert_eq!(found[0].bad[0].code, "TOO_LARGE");
}

#[test]
fn strict_reads_nothing_after_a_bad_row() {
    let (found, ended) = batches(Lengths::batcher(vec![1, 0, 1], None, true));
    assert_eq!(found.iter().map(shape).collect::<Vec<_>>(), [(2, vec![1], vec![2])]);
    assert_eq!(ended, Ok(()));
}

#[test]
fn a_fault_of_the_file_comes_after_the_rows_before_it() {
    let (found, ended) = batches(Lengths::batcher(vec![1, 1], Some("torn"), false));
    assert_eq!(found.iter().map(shape).collect::<Vec<_>>(), [(4, vec![1, 2], vec![])]);
    assert_eq!(ended, Err(LoadError::new("torn")));
}

#[test]
fn a_split_keeps_every_row_and_its_position() {
    let bad = vec![BadRow::invalid(2, "", "")];
    let batch = Batch { ndjson: b"a\nbb\nccc\n".to_vec(), positions: vec![1, 3, 4], bad, progress: 9, not_in_json: 2 };
    let (first, second) = batch.split().unwrap();
    assert_eq!((first.ndjson.as_slice(), first.positions.as_slice(), first.bad.len()), (&b"a\n"[..], &[1][..], 1));
    assert_eq!(
        (second.ndjson.as_slice(), second.positions.as_slice(), second.progress),
        (&b"bb\nccc\n"[..], &[3, 4][..], 9)
    );
    assert_eq!(first.not_in_json + second.not_in_json, 2);
    assert_eq!(first.clone().split(), Err(first));
    assert_eq!(second.refused(1, String::new(), String::new(), String::new()).position, 4);
}
