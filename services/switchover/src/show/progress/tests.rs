use super::*;
use crate::show::samples::{self, gateway, plain, switch, tenants, view};

#[test]
fn a_switch_that_succeeded_tells_what_it_cost() {
    insta::assert_snapshot!("succeeded", plain(&whole(&samples::succeeded(), &view())));
}

#[test]
fn a_switch_under_way_shows_the_present_step_and_what_is_still_to_come() {
    let under_way = Switch {
        tenants: tenants(3),
        gateways: vec![
            gateway("gateway-1", GatewayAnswer::Ready),
            gateway("gateway-2", GatewayAnswer::Unspecified),
        ],
        ..switch(&[
            (SwitchState::Provisioning, 0),
            (SwitchState::Preparing, 59_000),
        ])
    };
    insta::assert_snapshot!("under_way", plain(&whole(&under_way, &view())));
}

#[test]
fn a_switch_that_was_given_up_says_why_and_that_nothing_changed() {
    insta::assert_snapshot!("failed", plain(&whole(&samples::failed(), &view())));
}

#[test]
fn a_first_activation_has_no_version_before_it() {
    let first = Switch {
        source_version: String::new(),
        ..switch(&[(SwitchState::Provisioning, 0), (SwitchState::Cancelled, 10)])
    };
    insta::assert_snapshot!("first_activation", plain(&whole(&first, &view())));
}

#[test]
fn where_nothing_can_be_drawn_over_each_piece_of_news_is_a_line() {
    let preparing = [
        (SwitchState::Provisioning, 0),
        (SwitchState::Preparing, 120),
    ];
    let stages = [
        Switch {
            tenants: tenants(1),
            ..switch(&preparing[..1])
        },
        Switch {
            tenants: tenants(1),
            ..switch(&preparing[..1])
        },
        Switch {
            tenants: tenants(3),
            ..switch(&preparing[..1])
        },
        Switch {
            tenants: tenants(3),
            gateways: vec![
                gateway("gateway-1", GatewayAnswer::Ready),
                gateway("gateway-2", GatewayAnswer::Unspecified),
            ],
            ..switch(&preparing)
        },
        samples::succeeded(),
    ];
    let mut before = None;
    let mut lines = Vec::new();
    for stage in &stages {
        lines.extend(news(before, stage, &view()));
        lines.push("--".to_owned());
        before = Some(stage);
    }
    insta::assert_snapshot!("news", plain(&lines.join("\n")));
}

#[test]
fn a_target_that_is_watched_says_until_when_or_what_that_led_to() {
    let watched = Switch {
        bake_deadline: samples::at(600_000),
        ..samples::succeeded()
    };
    let text = plain(&whole(&watched, &view()));
    assert!(
        text.trim_end()
            .ends_with("watched until 2026-05-09 07:40:00"),
        "{text}"
    );
    assert_eq!(
        text.lines().last(),
        plain(&news(None, &watched, &view()).join("\n"))
            .lines()
            .last()
    );
    let left = Switch {
        switched_back_by: "applications/shop/switches/0199a000-0000-7000-8000-000000000002"
            .to_owned(),
        ..samples::succeeded()
    };
    let text = plain(&whole(&left, &view()));
    assert!(
        text.trim_end()
            .ends_with("switched back by 0199a000-0000-7000-8000-000000000002"),
        "{text}"
    );
}
