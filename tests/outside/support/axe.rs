//! What axe-core says of a page.

use serde_json::{Value, json};

use super::browser::Browser;
use super::outside_dir;

/// What breaks a rule of WCAG 2, levels A and AA (contrast is one): the HTML and what is wrong with it.
pub(crate) async fn violations(browser: &Browser) -> Vec<String> {
    let path = outside_dir().join("node_modules/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{} is missing ({error}); tests/run installs it",
            path.display()
        )
    });
    let script = format!(
        "{axe}
        const [tags, done] = arguments;
        axe.run(document, {{ runOnly: tags }}).then(done, error => done({{ error: String(error) }}));"
    );
    let result = browser
        .evaluate_async(&script, json!(["wcag2a", "wcag2aa"]))
        .await;
    let violations = result["violations"]
        .as_array()
        .unwrap_or_else(|| panic!("axe-core did not finish: {result}"));
    assert!(
        !(violations.is_empty() && result["passes"] == json!([])),
        "axe-core found nothing to check: {result}"
    );
    violations
        .iter()
        .flat_map(|violation| violation["nodes"].as_array())
        .flatten()
        .map(describe)
        .collect()
}

fn describe(node: &Value) -> String {
    format!("{}: {}", node["html"], node["failureSummary"])
}
