//! Schedules: when something is due, as cron writes it. Who runs things by it reads the text; here it is only checked.

/// Words that stand for a schedule.
pub(super) const PRESETS: [&str; 5] = ["@hourly", "@daily", "@weekly", "@monthly", "@yearly"];

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// One of the five fields: its bounds, and the names that its numbers have, from the least on.
struct Field {
    least: usize,
    most: usize,
    names: &'static [&'static str],
}

/// Minute, hour, day of the month, month, day of the week (7 is Sunday too).
const FIELDS: [Field; 5] = [
    Field { least: 0, most: 59, names: &[] },
    Field { least: 0, most: 23, names: &[] },
    Field { least: 1, most: 31, names: &[] },
    Field { least: 1, most: 12, names: &MONTHS },
    Field { least: 0, most: 7, names: &WEEKDAYS },
];

/// Whether a text is a schedule: five fields with one space between them, or one of [`PRESETS`].
pub(super) fn is_schedule(text: &str) -> bool {
    let fields: Vec<&str> = text.split(' ').collect();
    PRESETS.contains(&text)
        || fields.len() == FIELDS.len() && fields.iter().zip(&FIELDS).all(|(text, field)| field.takes(text))
}

impl Field {
    /// `*`, `5`, `1-5`, `mon-fri`, `*/15`, `0-30/10`, and lists of these.
    fn takes(&self, text: &str) -> bool {
        text.split(',').all(|part| {
            let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
            let (is_many, is_sound) = match range.split_once('-') {
                _ if range == "*" => (true, true),
                Some((first, last)) => {
                    (true, self.value(first).zip(self.value(last)).is_some_and(|(first, last)| first <= last))
                }
                None => (false, self.value(range).is_some()),
            };
            let steps =
                step.is_none_or(|step| is_many && number(step).is_some_and(|step| (1..=self.most).contains(&step)));
            is_sound && steps
        })
    }

    fn value(&self, text: &str) -> Option<usize> {
        let named = self.names.iter().position(|name| text.eq_ignore_ascii_case(name)).map(|place| place + self.least);
        named.or_else(|| number(text).filter(|value| (self.least..=self.most).contains(value)))
    }
}

fn number(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cron_reads_is_a_schedule() {
        for text in [
            "@daily",
            "@hourly",
            "30 2 * * *",
            "*/15 * * * *",
            "0 0-6/2,12 1,15 jan-MAR mon-fri",
            "59 23 31 12 7",
            "0 0 * * sun,3",
        ] {
            assert!(is_schedule(text), "{text}");
        }
    }

    #[test]
    fn what_is_never_due_or_said_otherwise_is_none() {
        for text in [
            "",
            "daily",
            "@dayly",
            "@once",
            "1d",
            "30 2 * *",
            "30 2 * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * 32 * *",
            "* * * 13 *",
            "* * * * 8",
            "30  2 * * *",
            " 30 2 * * *",
            "5-1 * * * *",
            "5/10 * * * *",
            "*/0 * * * *",
            "*/60 * * * *",
            "1, * * * *",
            "-1 * * * *",
            "+1 * * * *",
            "* * * mon *",
            "* * jan * *",
            "é * * * *",
        ] {
            assert!(!is_schedule(text), "{text}");
        }
    }
}
