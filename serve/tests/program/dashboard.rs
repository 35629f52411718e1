//! The dashboard for Grafana asks for figures and labels that the gateway has.

use std::collections::{BTreeMap, BTreeSet};

use testkit::camera::{CameraConfig, CameraServer};

use crate::running::{Running, repository, wait_for};

const PREFIX: &str = "rtsp_webrtc_gateway_";

/// The words that labels are made of.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(move |c| !is_word(c))
        .filter(|word| !word.is_empty())
}

/// The labels of each figure, from its samples.
fn figures(metrics: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut figures = BTreeMap::new();
    for line in metrics.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let name = rest.split(' ').next().unwrap();
            figures.insert(name.to_owned(), BTreeSet::new());
        } else if let Some((name, rest)) = line.split_once('{') {
            let labels = rest.split("=\"").filter_map(|before| words(before).last());
            let known: &mut BTreeSet<_> = figures.get_mut(name).unwrap();
            known.extend(labels.map(str::to_owned));
        }
    }
    figures
}

#[test]
fn each_query_is_about_figures_that_exist() {
    let server = CameraServer::start(vec![CameraConfig::new("cam")]).unwrap();
    let running = Running::start(&["127.0.0.1:0", &format!("door={}", server.url("cam"))]);
    wait_for("a camera that is live", || {
        running.stream("door")["state"] == "live"
    });
    let figures = figures(&running.get("/metrics", None).1);
    let dashboard = repository("serve/monitoring/grafana/dashboards/gateway.json");
    let dashboard: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(dashboard).unwrap()).unwrap();
    let mut compared = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            let names: Vec<_> = words(query)
                .filter(|word| word.starts_with(PREFIX))
                .collect();
            assert!(!names.is_empty(), "{query}");
            let legend = target["legendFormat"].as_str().unwrap();
            let shown = legend
                .split("{{")
                .skip(1)
                .map(|rest| rest.split("}}").next().unwrap());
            let chosen = query
                .split('{')
                .skip(1)
                .map(|rest| rest.split('=').next().unwrap());
            let grouped = query
                .split("by (")
                .skip(1)
                .map(|rest| rest.split(')').next().unwrap());
            let labels: BTreeSet<_> = shown.chain(chosen).chain(grouped).collect();
            for name in names {
                let known = figures
                    .get(name)
                    .unwrap_or_else(|| panic!("{query}: no {name}"));
                // Figures of warnings and of viewers have no samples while there are none.
                if known.is_empty() {
                    continue;
                }
                compared += 1;
                let unknown: Vec<_> = labels
                    .iter()
                    .filter(|label| !known.contains(**label))
                    .collect();
                assert!(
                    unknown.is_empty(),
                    "{query}: {name} has no labels {unknown:?}, but {known:?}"
                );
            }
        }
    }
    assert!(compared > 10);
}
