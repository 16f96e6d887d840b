//! Steps of slots: what the catalogue makes of them, and the types that flow through.

use super::errors;

const HEAD: &str = "services:\n  s:\n    request: {x: float64, y: int64, word: string, at: timestamp, tags: list<string>, v: vector<3>, raw: bytes, b: bool}\n    vector:\n      - ";

fn slot(text: &str) -> Vec<String> {
    errors(&format!("{HEAD}{text}\n"))
}

#[test]
fn faults_of_steps() {
    for (text, expected) in [
        ("{input: x, steps: [lgo]}", vec!["5:28: there is no transform `lgo`; did you mean `log`?"]),
        (
            "{input: x, steps: [{log: {ofset: 1}}]}",
            vec!["5:35: unknown parameter `ofset` of the step `log`; did you mean `offset`?"],
        ),
        (
            "{input: x, steps: [{log: {base: 2, what: 1}}]}",
            vec![
                "5:44: unknown parameter `what` of the step `log`; the parameters of `log` are `base`, `offset`, `nonpositive`, `floor`, `on_null`, `nan`",
            ],
        ),
        ("{input: x, steps: [{log: {offset: a}}]}", vec!["5:43: `offset` must be a finite number, not the text `a`"]),
        (
            "{input: x, steps: [{log: {nonpositive: eror}}]}",
            vec![
                "5:48: `nonpositive` must be one of `null`, `error`, `clip`, not the text `eror`; did you mean `error`?",
            ],
        ),
        (
            "{input: x, steps: [{log: 2}]}",
            vec![
                "5:34: the parameters of `log` must be a mapping, not the number 2; without parameters the step is just `log`",
            ],
        ),
        (
            "{input: x, steps: [{log: {}, clip: {max: 1}}]}",
            vec![
                "5:28: a step must be one transform: a mapping from its name to its parameters has one key; write each step as an item of its own: `- log: {offset: 1}`",
            ],
        ),
        (
            "{input: x, steps: [7]}",
            vec![
                "5:28: an item of `steps` must be a step: the name of a transform, or a mapping from it to its parameters, not the number 7",
            ],
        ),
        ("{input: x, steps: [cast]}", vec!["5:28: the step `cast` needs `dtype`; `dtype`: the type of the result"]),
        (
            "{input: x, steps: [{clip: {min: 3, max: 2}}]}",
            vec!["5:41: step `clip`: `min` is 3 and above `max`, which is 2"],
        ),
        (
            "{input: x, steps: [{expr: x + 1}]}",
            vec![
                "5:29: `expr` is the source of a slot, not a step; write `{expr: \"…\", steps: […]}` in place of `input`",
            ],
        ),
        (
            "{input: word, steps: [log]}",
            vec![
                "5:31: step `log`: takes a number or a bool, and its input is string; put a step before it that makes a number",
            ],
        ),
        (
            "{input: word, steps: [one_hot, log]}",
            vec!["5:40: no step can follow `one_hot`, which gives several positions; make `one_hot` the last step"],
        ),
        (
            "{input: x, steps: [{coalesce: {inputs: [y, z, v.f]}}]}",
            vec![
                "5:52: `z` is no request column of the service, and a feature is written `view.feature`",
                "5:55: there is no view `v`",
            ],
        ),
        (
            "{input: x, steps: [{log: {on_null: skip}}]}",
            vec!["5:44: `on_null` must be `propagate`, `error` or `{default: …}`, not the text `skip`"],
        ),
        (
            "{input: y, steps: [{clip: {min: 0, on_null: {default: 0.5}}}]}",
            vec![
                "5:63: `default` must be a whole number from -9223372036854775808 to 9223372036854775807 (int64), not the number 0.5",
            ],
        ),
        (
            "{input: x, steps: [{log: {nan: drop}}]}",
            vec!["5:40: `nan` must be one of `null`, `keep`, not the text `drop`"],
        ),
        // The first fault hides what depends on it, and nothing else.
        (
            "{input: zz, steps: [{log: {offset: a}}, nothing]}",
            vec![
                "5:17: `zz` is no request column of the service, and a feature is written `view.feature`",
                "5:44: `offset` must be a finite number, not the text `a`",
                "5:49: there is no transform `nothing`",
            ],
        ),
    ] {
        assert_eq!(slot(text), expected, "{text}");
    }
}

#[test]
fn a_slot_ends_as_numbers() {
    for (text, expected) in [
        (
            "{input: word}",
            "5:17: the slot ends as string, and a vector holds numbers; a step such as `one_hot`, `vocabulary` or `hash_bucket` turns text into numbers",
        ),
        (
            "{input: at}",
            "5:17: the slot ends as timestamp, and a vector holds numbers; a step such as `date_part`, or `epoch(…)` in an `expr`, turns a timestamp into a number",
        ),
        (
            "{input: tags}",
            "5:17: the slot ends as list<string>, and a vector holds numbers; a step such as `multi_hot` turns a list into numbers",
        ),
        (
            "{input: raw}",
            "5:17: the slot ends as bytes, and a vector holds numbers; read it as text or a number in an `expr`, or leave it out",
        ),
        (
            "{input: x, steps: [{cast: {dtype: string}}]}",
            "5:28: the slot ends as string, and a vector holds numbers; a step such as `one_hot`, `vocabulary` or `hash_bucket` turns text into numbers",
        ),
    ] {
        assert_eq!(slot(text), [expected], "{text}");
    }
    for text in
        ["{input: x}", "{input: y}", "{input: b}", "{input: v}", "{input: word, steps: [one_hot]}", "{expr: \"x + 1\"}"]
    {
        assert_eq!(slot(text), [""; 0], "{text}");
    }
}

#[test]
fn expressions_are_checked_where_they_stand() {
    for (text, place) in [
        ("{expr: \"x + nothing\"}", "5:21: "),
        ("{expr: 'x + nothing'}", "5:21: "),
        ("{expr: x + nothing}", "5:20: "),
        ("{expr: \"x \\u002b nothing\"}", "5:26: "),
        ("{expr: >-\n        x +\n        nothing\n        }", ""),
        ("expr: |\n          x +\n          nothing", "6:11: "),
    ] {
        let errors = slot(text);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with(place), "{text}: {errors:?}");
    }
}

#[test]
fn every_transform_is_offered_as_its_own_example() {
    use crate::transforms::{catalogue, find};
    for transform in catalogue() {
        assert!(find(transform.name).is_some_and(|found| std::ptr::eq(found.name, transform.name)));
        let file = format!("{HEAD}{{input: x, steps: [{}]}}\n", transform.example);
        // Types and other inputs may not fit here; its own parameters must.
        for error in errors(&file) {
            assert!(
                !error.contains("unknown") && !error.contains("must be") && !error.contains("needs `"),
                "{}: {error}",
                transform.name
            );
        }
    }
}
