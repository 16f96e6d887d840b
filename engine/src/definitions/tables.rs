//! Every key of the format, declared once: the checker, the JSON Schema and the messages read these tables.

use super::quality::ON_FAILURE;
use super::shape::{Field, Shape, Table};

const DESCRIPTION: Field = Field::optional("description", "what it is, in words", Shape::Text);
const OWNER: Field = Field::optional("owner", "who answers for it", Shape::Text);
const TAGS: Field = Field::optional("tags", "labels for people", Shape::List { of: &Shape::Text, min: 0 });

const COLUMNS: Shape = Shape::Map { noun: "column", of: &Shape::DType, min: 1 };

/// A whole file.
pub(super) static ROOT: Table = Table {
    name: "file of definitions",
    doc: "Entities, sources, views and services of unskew; files of a directory are merged",
    fields: &[
        Field::optional(
            "entities",
            "what features are about, by name",
            Shape::Map { noun: "entity", of: &Shape::Table(&ENTITY), min: 0 },
        ),
        Field::optional(
            "sources",
            "where rows and events come from, by name",
            Shape::Map { noun: "source", of: &Shape::Table(&SOURCE), min: 0 },
        ),
        Field::optional(
            "views",
            "features of an entity, by name of the view",
            Shape::Map { noun: "view", of: &VIEW, min: 0 },
        ),
        Field::optional(
            "services",
            "what each model reads, by name",
            Shape::Map { noun: "service", of: &Shape::Table(&SERVICE), min: 0 },
        ),
    ],
    refused: &[],
};

static ENTITY: Table = Table {
    name: "entity",
    doc: "what features are about: a customer, a terminal",
    fields: &[
        Field::required("keys", "the key columns with their types, in the order of the stored key", COLUMNS),
        DESCRIPTION,
        OWNER,
        TAGS,
    ],
    refused: &[],
};

static SOURCE: Table = Table {
    name: "source",
    doc: "where rows or events come from",
    fields: &[
        Field::required("event_time", "the timestamp column that says when a row or an event happened", Shape::Name),
        Field::optional(
            "event_id",
            "the column that tells two events apart, or `none` if repeats count; window views need it",
            Shape::Name,
        ),
        Field::optional("version", "the int64 column whose greater value wins among events of one id", Shape::Name),
        Field::optional("created", "the timestamp column that says when a row was created", Shape::Name),
        Field::optional("known_at", "the timestamp column from which on training may know a row", Shape::Name),
        Field::required("columns", "all columns with their types", COLUMNS),
        Field::optional("iceberg", "the Iceberg table of its history, as `namespace.table`", Shape::Text),
        Field::optional("kafka", "the topic of its live events", Shape::Table(&KAFKA)),
        Field::optional(
            "schedule",
            "when rows of it are due, to be appended to its history and materialized: as cron writes it, in UTC",
            Shape::Schedule,
        ),
        Field::optional(
            "quality",
            "what its rows must keep to be appended to its history, by name of the rule",
            Shape::Map { noun: "quality rule", of: &Shape::Table(&QUALITY), min: 0 },
        ),
        DESCRIPTION,
        OWNER,
        TAGS,
    ],
    refused: &[],
};

static KAFKA: Table = Table {
    name: "Kafka topic",
    doc: "where live events of a source come from",
    fields: &[Field::required("topic", "the name of the topic", Shape::Text)],
    refused: &[],
};

static QUALITY: Table = Table {
    name: "quality rule",
    doc: "what rows of a source must keep; null breaks nothing but `not_null`",
    fields: &[
        Field::optional("column", "the column that it looks at; `freshness` looks at the event time", Shape::Name),
        Field::optional("not_null", "whether there must be a value", Shape::Flag),
        Field::optional("min", "the least value; NaN breaks it", Shape::Constant),
        Field::optional("max", "the greatest value; NaN breaks it", Shape::Constant),
        Field::optional("one_of", "all values that may be there", Shape::List { of: &Shape::Constant, min: 1 }),
        Field::optional("unique", "whether no two rows of an append may have the same value", Shape::Flag),
        Field::optional(
            "freshness",
            "how old the newest event of an append may be, by the clock of who appends",
            Shape::Duration { none: false },
        ),
        Field::optional(
            "on_failure",
            "whether nothing is written (`fail`), what breaks it goes to `<table>__quarantine` with the reason (`quarantine`), or all is written and told (`warn`); `fail` unless set",
            Shape::Choice(&ON_FAILURE),
        ),
        DESCRIPTION,
    ],
    refused: &[
        ("range", "give `min` and `max`"),
        ("in", "the key is `one_of`, a list"),
        ("values", "the key is `one_of`, a list"),
    ],
};

static VIEW: Shape = Shape::Either([("features", &ROW_VIEW), ("aggregations", &WINDOW_VIEW)]);

const ENTITY_OF_VIEW: Field = Field::required("entity", "the entity that the view is about", Shape::Name);
const VERSION_OF_VIEW: Field = Field::optional(
    "version",
    "raised when stored values change their meaning or type; 1 unless set",
    Shape::Integer { min: 1, max: u32::MAX as i64 },
);

static ROW_VIEW: Table = Table {
    name: "row view",
    doc: "the latest row of each entity",
    fields: &[
        ENTITY_OF_VIEW,
        Field::optional("source", "the source of its rows; none if they are only written to the gateway", Shape::Name),
        Field::optional(
            "ttl",
            "how long a row is served after its event time; for ever unless set",
            Shape::Duration { none: true },
        ),
        Field::required(
            "features",
            "its features, by name",
            Shape::Map { noun: "feature", of: &Shape::DTypeOr(&FEATURE), min: 1 },
        ),
        Field::optional("layout", "how rows are stored; `packed` unless set", Shape::Choice(&["packed", "json"])),
        VERSION_OF_VIEW,
        DESCRIPTION,
        OWNER,
        TAGS,
    ],
    refused: &[
        ("offset", "`offset` is a key of window views, which have `aggregations` instead of `features`"),
        (
            "include_request",
            "`include_request` is a key of window views, which have `aggregations` instead of `features`",
        ),
        ("resolution", "`resolution` is a key of window views, which have `aggregations` instead of `features`"),
        ("lateness", "`lateness` is a key of window views, which have `aggregations` instead of `features`"),
        ("warm_up", "`warm_up` is a key of window views, which have `aggregations` instead of `features`"),
    ],
};

static FEATURE: Table = Table {
    name: "feature",
    doc: "a feature of a row view",
    fields: &[
        Field::required("dtype", "its type", Shape::DType),
        Field::optional(
            "column",
            "the column of the source that it is; the one of its own name unless set",
            Shape::Name,
        ),
        Field::optional(
            "ttl",
            "how long it is served after its event time; as the view unless set",
            Shape::Duration { none: true },
        ),
        Field::optional("default", "the value where there is none; its status stays MISSING", Shape::Constant),
        DESCRIPTION,
        OWNER,
        TAGS,
    ],
    refused: &[],
};

static WINDOW_VIEW: Table = Table {
    name: "window view",
    doc: "aggregations over the events of a source",
    fields: &[
        ENTITY_OF_VIEW,
        Field::required("source", "the source of its events", Shape::Name),
        Field::optional(
            "include_request",
            "whether the row being scored counts once, at its own time; `false` unless set",
            Shape::Flag,
        ),
        Field::optional(
            "offset",
            "how long before the request every window ends; `none` unless set",
            Shape::Duration { none: true },
        ),
        Field::optional(
            "resolution",
            "`exact`, or the hop to which windows are rounded; `exact` unless set",
            Shape::Resolution,
        ),
        Field::optional(
            "lateness",
            "how late an event may come; one day unless set, one hop where there is a `resolution`",
            Shape::Duration { none: false },
        ),
        Field::optional(
            "warm_up",
            "what a window gives that begins before the view knows all events: an `error`, or what there is (`serve`); `error` unless set",
            Shape::Choice(&["error", "serve"]),
        ),
        Field::required(
            "aggregations",
            "its aggregations, by name; the features are named `<aggregation>_<window>`",
            Shape::Map { noun: "aggregation", of: &Shape::Table(&AGGREGATION), min: 1 },
        ),
        VERSION_OF_VIEW,
        DESCRIPTION,
        OWNER,
        TAGS,
    ],
    refused: &[
        ("ttl", "a window view has no `ttl`: its windows expire by themselves"),
        ("layout", "`layout` is a key of row views, which have `features` instead of `aggregations`"),
        ("where", "`where` is a key of each aggregation"),
        ("windows", "`windows` is a key of each aggregation"),
    ],
};

static AGGREGATION: Table = Table {
    name: "aggregation",
    doc: "one function over one or several windows",
    fields: &[
        Field::required("function", "what is computed", Shape::Function),
        Field::optional("column", "the column that it reads; `count` without one counts events", Shape::Name),
        Field::optional("where", "which events count: a condition in SQL over the columns of the source", Shape::Sql),
        Field::required("windows", "the windows, such as `[1d, 7d, 30d]`", Shape::List { of: &Shape::Window, min: 1 }),
        Field::optional("empty", "what a window without values gives instead of null", Shape::Constant),
        Field::optional("n", "how many events `first_n` and `last_n` keep", Shape::Integer { min: 1, max: 10_000 }),
        Field::optional("k", "how many values `top_k` keeps", Shape::Integer { min: 1, max: 10_000 }),
        Field::optional("q", "which quantile, from 0 to 1", Shape::Fraction),
        Field::optional("denominator", "the column by whose sum `ratio` divides", Shape::Name),
        DESCRIPTION,
        OWNER,
        TAGS,
    ],
    refused: &[("window", "the key is `windows`, a list"), ("filter", "the key is `where`")],
};

static SERVICE: Table = Table {
    name: "service",
    doc: "what one model reads: an ordered float32 vector",
    fields: &[
        Field::optional(
            "time",
            "the request column that is the time of the request, online and in training",
            Shape::Name,
        ),
        Field::optional(
            "request",
            "the columns that come with a request, with their types",
            Shape::Map { noun: "column", of: &Shape::DType, min: 0 },
        ),
        Field::required(
            "vector",
            "the slots of the vector, in order",
            Shape::List { of: &Shape::Table(&SLOT), min: 1 },
        ),
        Field::optional(
            "default",
            "the fitted file for requests without a fingerprint: `v2` is `<service>.v2.fitted.json`; `<service>.fitted.json` unless set",
            Shape::FittedName,
        ),
        DESCRIPTION,
        OWNER,
        TAGS,
    ],
    refused: &[("slots", "the key is `vector`"), ("features", "the key is `vector`, an ordered list")],
};

static SLOT: Table = Table {
    name: "slot",
    doc: "one value of the vector, or several positions if its last step widens it",
    fields: &[
        Field::optional("input", "where its value comes from: a request column or `view.feature`", Shape::Input),
        Field::optional(
            "expr",
            "a SQL expression over request columns and `view.feature`s, instead of `input`",
            Shape::Sql,
        ),
        Field::optional("name", "its name; the input, or `expr_<position>`, unless set", Shape::Name),
        Field::optional(
            "steps",
            "the transforms that it goes through, in order",
            Shape::List { of: &Shape::Step, min: 0 },
        ),
    ],
    refused: &[("step", "the key is `steps`, a list"), ("feature", "the key is `input`")],
};
