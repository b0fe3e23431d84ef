//! Names of jobs in an answer whose nesting nobody documents: any object with a `JobID` and a `JobName`, at any depth.

use serde_json::Value;

use crate::model::Guid;

/// The jobs of an answer, in its order.
pub(super) fn jobs_in(answer: &Value) -> Vec<(Guid, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![answer];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(elements) => waiting.extend(elements.iter().rev()),
            Value::Object(_) => {
                let id = member(value, "JobID")
                    .and_then(Value::as_str)
                    .and_then(|text| text.parse().ok());
                let name = member(value, "JobName")
                    .and_then(Value::as_str)
                    .filter(|name| !name.trim().is_empty());
                if let (Some(id), Some(name)) = (id, name) {
                    found.push((id, name.to_owned()));
                }
                waiting.extend(
                    value
                        .as_object()
                        .into_iter()
                        .flat_map(|members| members.values().rev()),
                );
            }
            _ => {}
        }
    }
    found
}

/// `TotalPages`, wherever it stands.
pub(super) fn total_pages(answer: &Value) -> Option<i64> {
    let mut waiting = vec![answer];
    while let Some(value) = waiting.pop() {
        if let Some(pages) = member(value, "TotalPages").and_then(Value::as_i64) {
            return Some(pages);
        }
        match value {
            Value::Array(elements) => waiting.extend(elements),
            Value::Object(members) => waiting.extend(members.values()),
            _ => {}
        }
    }
    None
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value
        .as_object()?
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_found_at_any_depth() {
        let answer = serde_json::json!({"Data": {"TotalPages": 3, "Rows": [
            {"Job": {"JobID": "{FF761384-4b49-40b4-97d8-0de38669075a}", "jobname": "Weekly", "Owner": {"JobID": "x", "JobName": "y"}}},
            {"JobID": "413e6d92-6de0-4a89-8752-149270dd4369", "JobName": " "},
        ]}});
        let found: Vec<_> = jobs_in(&answer)
            .into_iter()
            .map(|(id, name)| (id.to_string(), name))
            .collect();
        assert_eq!(
            found,
            [(
                "ff761384-4b49-40b4-97d8-0de38669075a".to_owned(),
                "Weekly".to_owned()
            )]
        );
        assert_eq!(total_pages(&answer), Some(3));
    }
}
