//! The whole corpus, and then for some seconds inputs made of it, the same ones at every run with the same seed. What was found is written to a file.

use std::path::Path;
use std::time::{Duration, Instant};

use fuzz::{Mutator, TARGETS, corpus};

/// Seconds for each target; `UNSKEW_FUZZ_SECONDS` gives more, `UNSKEW_FUZZ_SEED` others.
const SECONDS: u64 = 5;
/// An input that takes longer is printed; how long is too long depends on the machine.
const SLOW: Duration = Duration::from_secs(1);

/// Runs a target; an input at which it panics is kept.
fn blind(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let run = |input: &[u8]| {
        let start = Instant::now();
        if let Err(panic) = std::panic::catch_unwind(|| (target.run)(input)) {
            let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-found"));
            std::fs::write(&file, input).expect("a file");
            eprintln!("found with {}: {}", file.display(), input.escape_ascii());
            std::panic::resume_unwind(panic);
        }
        if start.elapsed() > SLOW {
            println!("{name}: {:?} for {}", start.elapsed(), input.escape_ascii());
        }
    };
    let corpus = corpus(target);
    corpus.iter().for_each(|input| run(input));
    let seconds = std::env::var("UNSKEW_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
    let seed = std::env::var("UNSKEW_FUZZ_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let (mut mutator, mut count, start) = (Mutator::new(seed, corpus), 0, Instant::now());
    while start.elapsed() < Duration::from_secs(seconds) {
        run(&mutator.input());
        count += 1;
    }
    println!("{name}: {count} inputs of seed {seed}");
}

macro_rules! targets {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            blind(stringify!($name));
        }
    )*

    #[test]
    fn every_target_is_run() {
        assert_eq!(TARGETS.map(|target| target.name), [$(stringify!($name)),*]);
    }};
}

targets!(transcode, rows, rest, grpc, definitions, config);
