//! What was done to a log behind its service's back, and that it is found.

use contract::Role;
use proptest::prelude::*;

use super::*;

/// Entries as a log has them that knew no persons at first.
fn log(length: i64) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut previous = GENESIS.to_owned();
    for number in 1..=length {
        let mut entry = Entry {
            service: Service::Catalog,
            number,
            at: jiff::Timestamp::from_microsecond(1_800_000_000_000_000 + number).unwrap(),
            role: (number % 3 != 0).then_some(Role::OperatorAdmin),
            actor: "people/anna".to_owned(),
            person: if number % 3 == 2 {
                "people/tom".to_owned()
            } else {
                String::new()
            },
            method: "/switchover.catalog.v1.SwitchService/ConfirmUpdate".to_owned(),
            resource: "applications/crm".to_owned(),
            reason: "because \"of\" ü\n\u{7f}\u{1}".to_owned(),
            request_id: format!("r-{number}"),
            asked: String::new(),
            before: String::new(),
            after: r#"{"name":"applications/crm"}"#.to_owned(),
            previous,
            hash: String::new(),
        };
        entry.hash = entry.digest();
        previous = entry.hash.clone();
        entries.push(entry);
    }
    entries
}

fn check(entries: &[Entry]) -> Result<Head, Broken> {
    follow(Service::Catalog, entries, &mut BTreeSet::new())
}

/// The log as a file has it.
fn file(entries: &[Entry]) -> Vec<u8> {
    entries
        .iter()
        .flat_map(|entry| format!("{}\n", entry.line()).into_bytes())
        .collect()
}

/// Tells whether a file is what was exported.
fn holds(file: &[u8], head: &str) -> bool {
    let Some(lines) = file.strip_suffix(b"\n") else {
        return false;
    };
    let read: Result<Vec<Entry>, _> = lines
        .split(|byte| *byte == b'\n')
        .map(Entry::read)
        .collect();
    let mut sought = BTreeSet::from([head.to_owned()]);
    read.is_ok_and(|entries| follow(Service::Catalog, &entries, &mut sought).is_ok())
        && sought.is_empty()
}

#[test]
fn a_log_that_nobody_touched_holds() {
    let entries = log(5);
    let head = check(&entries).unwrap();
    assert_eq!((head.number, &head.hash), (5, &entries[4].hash));
    assert!(holds(&file(&entries), &head.hash));
    assert_eq!(check(&[]).unwrap().hash, GENESIS);
}

#[test]
fn the_form_that_is_hashed_is_the_one_that_is_documented() {
    let mut entry = log(1).remove(0);
    entry.reason = "why".to_owned();
    entry.hash = entry.digest();
    let line = entry.line();
    let hash = format!(",\"hash\":\"{}\"", entry.hash);
    assert_eq!(
        line.replace(&hash, ""),
        "{\"actor\":\"people/anna\",\"after\":\"{\\\"name\\\":\\\"applications/crm\\\"}\",\"asked\":\"\",\
         \"before\":\"\",\"method\":\"/switchover.catalog.v1.SwitchService/ConfirmUpdate\",\"number\":1,\
         \"previous\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"reason\":\"why\",\
         \"request_id\":\"r-1\",\"resource\":\"applications/crm\",\"role\":\"operator-admin\",\
         \"service\":\"catalog\",\"time\":\"2027-01-15T08:00:00.000001Z\"}"
    );
    // As it was before entries named persons.
    assert_eq!(
        entry.hash,
        "302ae4c95a2154a87c671d7ffb970a426dfa24d2f4946c15fd22165b729f52bc"
    );
}

#[test]
fn a_person_is_part_of_what_is_hashed_where_one_is_known() {
    let mut entry = log(1).remove(0);
    entry.reason = "why".to_owned();
    entry.actor = "tenants/bert".to_owned();
    entry.person = "people/tom".to_owned();
    entry.role = Some(Role::TenantAdmin);
    entry.hash = entry.digest();
    let hash = format!(",\"hash\":\"{}\"", entry.hash);
    assert_eq!(
        entry.line().replace(&hash, ""),
        "{\"actor\":\"tenants/bert\",\"after\":\"{\\\"name\\\":\\\"applications/crm\\\"}\",\"asked\":\"\",\
         \"before\":\"\",\"method\":\"/switchover.catalog.v1.SwitchService/ConfirmUpdate\",\"number\":1,\
         \"person\":\"people/tom\",\
         \"previous\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"reason\":\"why\",\
         \"request_id\":\"r-1\",\"resource\":\"applications/crm\",\"role\":\"tenant-admin\",\
         \"service\":\"catalog\",\"time\":\"2027-01-15T08:00:00.000001Z\"}"
    );
    assert_eq!(
        entry.hash,
        "b27541cdf301bbda3278fefd564da3cebfe26d0afe75a67b46c60e3b00a8927f"
    );
    assert_eq!(Entry::read(entry.line().as_bytes()).unwrap(), entry);
    // One who is said to be nobody is not one who is not said.
    let nobody = log(1).remove(0).line();
    let nobody = nobody.replace(r#""previous""#, r#""person":"","previous""#);
    assert!(Entry::read(nobody.as_bytes()).is_err());
}

#[test]
fn a_person_who_is_replaced_left_out_or_added_is_found() {
    let whole = log(6);
    assert_eq!(whole[1].person, "people/tom");
    assert_eq!(whole[3].person, "");
    for (index, person) in [(1, "people/eve"), (1, ""), (3, "people/tom")] {
        let mut entries = whole.clone();
        person.clone_into(&mut entries[index].person);
        let number = entries[index].number;
        assert_eq!(check(&entries), Err(Broken::Changed(number)), "{person:?}");
        let named = format!(r#""person":"{}","#, whole[1].person);
        let line = whole[1].line();
        assert_eq!(line.matches(&named).count(), 1);
        let without = line.replace(&named, "");
        let read = Entry::read(without.as_bytes()).unwrap();
        assert!(!read.is_whole());
    }
}

#[test]
fn each_bit_of_a_file_that_is_flipped_is_found() {
    let entries = log(4);
    let head = entries[3].hash.clone();
    let whole = file(&entries);
    for byte in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[byte] ^= 1 << bit;
            assert!(!holds(&flipped, &head), "bit {bit} of byte {byte}");
        }
    }
}

#[test]
fn what_is_missing_reordered_repeated_or_replaced_is_found_with_its_number() {
    let whole = log(6);
    let without = |index: usize| {
        let mut entries = whole.clone();
        entries.remove(index);
        entries
    };
    assert_eq!(check(&without(0)), Err(Broken::Missing(1)));
    assert_eq!(check(&without(3)), Err(Broken::Missing(4)));
    let mut swapped = whole.clone();
    swapped.swap(1, 2);
    assert_eq!(
        check(&swapped),
        Err(Broken::Reordered {
            expected: 2,
            found: 3
        })
    );
    let mut repeated = whole.clone();
    repeated.insert(2, whole[1].clone());
    assert_eq!(
        check(&repeated),
        Err(Broken::Reordered {
            expected: 3,
            found: 2
        })
    );
    let mut changed = whole.clone();
    changed[2].reason = "another".to_owned();
    assert_eq!(check(&changed), Err(Broken::Changed(3)));
    // Whoever changes one and makes its hash fit must write all that follow anew.
    changed[2].hash = changed[2].digest();
    assert_eq!(check(&changed), Err(Broken::Replaced(4)));
}

#[test]
fn a_cut_tail_is_found_by_the_head_that_was_kept_and_by_the_service_itself() {
    let whole = log(6);
    let head = check(&whole).unwrap();
    let cut = check(&whole[..4]).unwrap();
    assert_eq!(
        ends(&cut, &head),
        Err(Broken::Cut {
            found: 4,
            written: 6
        })
    );
    let mut sought = BTreeSet::from([head.hash.clone()]);
    follow(Service::Catalog, &whole[..4], &mut sought).unwrap();
    assert_eq!(sought.len(), 1);
    // An earlier head stays in a log that has grown since.
    let mut sought = BTreeSet::from([cut.hash, GENESIS.to_owned()]);
    follow(Service::Catalog, &whole, &mut sought).unwrap();
    assert!(sought.is_empty());
    let other = Head {
        number: 6,
        hash: GENESIS.to_owned(),
    };
    assert_eq!(ends(&head, &other), Err(Broken::OtherEnd(6)));
}

proptest! {
    #[test]
    fn an_entry_is_read_as_it_was_written(
        reason in ".*", actor in ".*", person in ".*", number in 1..i64::MAX, micros in 0..253_370_764_800_000_000_i64,
    ) {
        let mut entry = log(1).remove(0);
        (entry.reason, entry.actor, entry.number) = (reason, actor, number);
        entry.person = person;
        entry.at = jiff::Timestamp::from_microsecond(micros).unwrap();
        entry.hash = entry.digest();
        prop_assert_eq!(&Entry::read(entry.line().as_bytes()).unwrap(), &entry);
        prop_assert_eq!(Entry::from_wire(entry.to_wire()).unwrap(), entry);
    }

    #[test]
    fn whatever_a_line_holds_nothing_breaks(line in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(Entry::read(&line));
    }
}
