use crate::dtype::{DType, Scalar};
use crate::row::{Schema, SchemaId};

const INT: DType = DType::Scalar(Scalar::Int64);

#[test]
fn the_id_follows_from_the_view_its_version_and_its_features_in_any_order() {
    let id =
        |view: &str, version, features: &[(&str, DType)]| Schema::new(view, version, features.to_vec()).unwrap().id();
    let base = id("v", 1, &[("a", INT), ("b", DType::Vector(2))]);
    assert_eq!(base, id("v", 1, &[("b", DType::Vector(2)), ("a", INT)]));
    for other in [
        id("w", 1, &[("a", INT), ("b", DType::Vector(2))]),
        id("v", 2, &[("a", INT), ("b", DType::Vector(2))]),
        id("v", 1, &[("a", INT), ("b", DType::Vector(3))]),
        id("v", 1, &[("a", INT), ("c", DType::Vector(2))]),
        id("v", 1, &[("a", INT)]),
    ] {
        assert_ne!(base, other);
    }
}

#[test]
fn the_text_reads_back() {
    let features = [("b\"\n", DType::List(Scalar::String)), ("a", DType::Vector(7)), ("ü", INT)];
    let schema = Schema::new("v", 2, features).unwrap();
    assert_eq!(
        schema.text(),
        r#"{"view":"v","version":2,"features":{"a":"vector<7>","b\"\n":"list<string>","ü":"int64"}}"#
    );
    assert_eq!(Schema::parse(schema.text().as_bytes(), schema.id()), Ok(schema));
}

#[test]
fn a_text_of_another_id_or_form_is_refused() {
    let schema = Schema::new("v", 2, [("a", INT)]).unwrap();
    assert!(Schema::parse(schema.text().as_bytes(), SchemaId([0; 4])).is_err());
    for text in ["", "{", "{}", "[]", &schema.text().replace(',', ", "), &schema.text().replace("int64", "int65")] {
        assert!(Schema::parse(text.as_bytes(), schema.id()).is_err(), "{text}");
    }
}

#[test]
fn no_features_or_one_twice_is_refused() {
    assert!(Schema::new("v", 1, []).unwrap_err().contains("no feature"));
    assert!(Schema::new("v", 1, [("a", INT), ("b", INT), ("a", INT)]).unwrap_err().contains("`a` twice"));
    let names: Vec<_> = (0..300).map(|index| index.to_string()).collect();
    let huge = names.iter().map(|name| (name.as_str(), DType::Vector(65_536)));
    assert!(Schema::new("v", 1, huge).unwrap_err().contains("at most"));
}
