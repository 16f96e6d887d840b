//! `date_part`.

use std::sync::Arc;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde_json::Value as Json;

use super::parameter::{Arguments, Default, Parameter, Takes};
use super::{Kernel, Map, Other, Output, Problem, Step, Transform};
use crate::dtype::{DType, Scalar};
use crate::scope::{Fault, Scope};
use crate::value::Value;

/// `date_part`.
pub(super) const TRANSFORM: Transform = Transform {
    name: "date_part",
    doc: "A part of a timestamp, as int64, on the calendar and clock of the time zone `tz`. The zone's rules are those of the database \
          built into the engine, never of the machine, so that every machine gives the same.\n\n\
          `weekday` is 0 for Monday to 6 for Sunday, as in Python and pandas (SQL's `dow` has 0 for Sunday, Spark's `dayofweek` 1); \
          `iso_week` is 1 to 53 of ISO 8601. `is_weekend` is 1 on Saturday and Sunday. `is_night` is 1 when the hour is from \
          `night_from` to `night_to`, both included, across midnight if need be; hours 0 to 6 unless set. `second` has no fraction.",
    example: "{date_part: {part: hour, tz: Europe/Brussels}}",
    known_as: "EXTRACT (SQL), pandas.Series.dt",
    parameters: &[
        Parameter {
            name: "part",
            takes: Takes::Choice(&[
                "year",
                "quarter",
                "month",
                "iso_week",
                "day_of_year",
                "day",
                "weekday",
                "hour",
                "minute",
                "second",
                "is_weekend",
                "is_night",
            ]),
            default: Default::Required,
            doc: "which part",
        },
        Parameter { name: "tz", takes: Takes::Text, default: Default::Text("UTC"), doc: "an IANA time zone" },
        Parameter {
            name: "night_from",
            takes: Takes::Integer { min: 0, max: 23 },
            default: Default::Integer(0),
            doc: "the first hour of the night",
        },
        Parameter {
            name: "night_to",
            takes: Takes::Integer { min: 0, max: 23 },
            default: Default::Integer(6),
            doc: "the last hour of the night, all of it",
        },
    ],
    make,
};

#[derive(Clone, Copy, Debug)]
enum Part {
    Year,
    Quarter,
    Month,
    IsoWeek,
    DayOfYear,
    Day,
    Weekday,
    Hour,
    Minute,
    Second,
    IsWeekend,
    IsNight { from: i64, to: i64 },
}

#[derive(Clone, Debug)]
struct DatePart {
    part: Part,
    zone: TimeZone,
}

fn make(arguments: &Arguments) -> Result<Arc<dyn Step>, Problem> {
    let part = match arguments.text("part").unwrap_or_default() {
        "year" => Part::Year,
        "quarter" => Part::Quarter,
        "month" => Part::Month,
        "iso_week" => Part::IsoWeek,
        "day_of_year" => Part::DayOfYear,
        "day" => Part::Day,
        "weekday" => Part::Weekday,
        "hour" => Part::Hour,
        "minute" => Part::Minute,
        "second" => Part::Second,
        "is_weekend" => Part::IsWeekend,
        "is_night" => {
            Part::IsNight { from: arguments.int("night_from").unwrap_or(0), to: arguments.int("night_to").unwrap_or(6) }
        }
        other => return Err(Problem::parameter("part", format!("`{other}` is no part of a time"))),
    };
    Ok(Arc::new(DatePart { part, zone: zone(arguments.text("tz").unwrap_or("UTC"))? }))
}

/// A zone of the bundled database.
fn zone(name: &str) -> Result<TimeZone, Problem> {
    let database = TimeZoneDatabase::bundled();
    database.get(name).map_err(|_| {
        let names = database.available().map(|known| known.as_str().to_owned());
        let likeness = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase());
        let nearest = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)).then_with(|| b.cmp(a)));
        let nearest = nearest.unwrap_or_else(|| "UTC".to_owned());
        Problem::parameter("tz", format!("`{name}` is no IANA time zone; the nearest is `{nearest}`"))
    })
}

impl Step for DatePart {
    fn output(&self, input: DType, _others: &[DType]) -> Result<Output, Problem> {
        if input == DType::Scalar(Scalar::Timestamp) {
            return Ok(Output::One(Scalar::Int64.into()));
        }
        Err(Problem::input(format!("takes a timestamp, and its input is {input}; a text becomes one by `cast`")))
    }

    fn kernel(&self, _input: DType, _others: &[Other], _fitted: &Json) -> Result<Kernel, String> {
        Ok(Kernel::One(Box::new(self.clone())))
    }
}

impl Map for DatePart {
    fn apply<'v>(&'v self, value: Value<'v>, _scope: &Scope<'v>) -> Result<Value<'v>, Fault> {
        let Value::Time(micros) = value else { return Ok(Value::Null) };
        let time = jiff::Timestamp::from_microsecond(micros);
        let time = time.map_err(|_| Fault::refused("the time is outside of the years -9999 to 9999"))?;
        let local = self.zone.to_datetime(time);
        Ok(Value::Int(match self.part {
            Part::Year => local.year().into(),
            Part::Quarter => i64::from((local.month() - 1) / 3 + 1),
            Part::Month => local.month().into(),
            Part::IsoWeek => local.date().iso_week_date().week().into(),
            Part::DayOfYear => local.day_of_year().into(),
            Part::Day => local.day().into(),
            Part::Weekday => local.weekday().to_monday_zero_offset().into(),
            Part::Hour => local.hour().into(),
            Part::Minute => local.minute().into(),
            Part::Second => local.second().into(),
            Part::IsWeekend => (local.weekday().to_monday_zero_offset() >= 5).into(),
            Part::IsNight { from, to } => {
                let hour = i64::from(local.hour());
                let is_night = if from <= to { (from..=to).contains(&hour) } else { hour >= from || hour <= to };
                is_night.into()
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, int, problem, text};
    use super::super::types::timestamp;
    use super::*;
    use crate::transforms::parameter::Argument;

    fn part(arguments: &[(&'static str, Argument)], time: &str) -> i64 {
        let bench = Bench::new(&TRANSFORM, arguments);
        match bench.run(Scalar::Timestamp, Value::Time(timestamp(time).unwrap())) {
            Ok(Value::Int(part)) => part,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parts() {
        let time = "2024-12-30T23:59:58.999999Z";
        for (name, result) in [
            ("year", 2024),
            ("quarter", 4),
            ("month", 12),
            ("iso_week", 1),
            ("day_of_year", 365),
            ("day", 30),
            ("weekday", 0),
            ("hour", 23),
            ("minute", 59),
            ("second", 58),
            ("is_weekend", 0),
            ("is_night", 0),
        ] {
            assert_eq!(part(&[("part", text(name))], time), result, "{name}");
        }
        assert_eq!(part(&[("part", text("second"))], "1969-12-31T23:59:59.5Z"), 59);
    }

    #[test]
    fn weekend_and_night() {
        for (day, is_weekend) in [("2018-06-01", 0), ("2018-06-02", 1), ("2018-06-03", 1), ("2018-06-04", 0)] {
            assert_eq!(part(&[("part", text("is_weekend"))], &format!("{day}T12:00:00Z")), is_weekend);
        }
        for (hour, usual, across) in [("00", 1, 1), ("05", 1, 1), ("06", 1, 0), ("07", 0, 0), ("22", 0, 1)] {
            let time = format!("2018-06-01T{hour}:59:59Z");
            assert_eq!(part(&[("part", text("is_night"))], &time), usual, "{hour}");
            let hours = [("part", text("is_night")), ("night_from", int(22)), ("night_to", int(5))];
            assert_eq!(part(&hours, &time), across, "{hour}");
        }
    }

    #[test]
    fn zones_and_their_changes() {
        let hour = |zone, time| part(&[("part", text("hour")), ("tz", text(zone))], time);
        assert_eq!(hour("Europe/Brussels", "2024-03-31T00:59:59Z"), 1);
        assert_eq!(hour("Europe/Brussels", "2024-03-31T01:00:00Z"), 3);
        assert_eq!(hour("Asia/Kathmandu", "2024-01-01T00:15:00Z"), 6);
        let day = [("part", text("day")), ("tz", text("America/Los_Angeles"))];
        assert_eq!(part(&day, "2024-03-01T07:59:59Z"), 29);
        let problem = problem(&TRANSFORM, &[("part", text("hour")), ("tz", text("Europe/Bruxelles"))]);
        assert_eq!(problem.message, "`Europe/Bruxelles` is no IANA time zone; the nearest is `Europe/Brussels`");
    }

    #[test]
    fn times_outside_of_the_calendar() {
        let bench = Bench::new(&TRANSFORM, &[("part", text("year"))]);
        for micros in [i64::MIN, i64::MAX] {
            let refused = Fault::refused("the time is outside of the years -9999 to 9999");
            assert_eq!(bench.run(Scalar::Timestamp, Value::Time(micros)), Err(refused));
        }
        let problem = bench.output(Scalar::Int64.into()).unwrap_err();
        assert_eq!(problem.message, "takes a timestamp, and its input is int64; a text becomes one by `cast`");
    }
}
