//! Finds the ranges that contain a key: a balanced tree of ranges ordered by their start, in which every node knows the
//! largest end below it, so that a lookup can skip whole subtrees.
//!
//! ```text
//!             [b, d) max ∞
//!            /            \
//!   [a, c) max c        [c, ∞) max ∞         holds(a): [a, c)       holds(c): [b, d) [c, ∞)
//! ```
//!
//! The tree is a treap: nodes have random priorities, and a parent's is never smaller than its children's, so that no
//! order of insertions makes the tree deep.

use std::{cmp::Ordering, sync::Arc};

use super::range::{End, Interval};

/// Values by interval.
#[derive(Debug)]
pub struct IntervalMap<T> {
    root: Link<T>,
    random: u64,
}

type Link<T> = Option<Box<Node<T>>>;

#[derive(Debug)]
struct Node<T> {
    interval: Arc<Interval>,
    max_end: End,
    priority: u64,
    value: T,
    left: Link<T>,
    right: Link<T>,
}

impl<T> Default for IntervalMap<T> {
    fn default() -> IntervalMap<T> {
        IntervalMap {
            root: None,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }
}

impl<T> IntervalMap<T> {
    /// Whether there are no ranges.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Adds the value of an interval that has none.
    pub fn insert(&mut self, interval: Arc<Interval>, value: T) {
        // xorshift: priorities must differ, but need not be hard to predict.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let node = Node {
            max_end: interval.end.clone(),
            interval,
            priority: self.random,
            value,
            left: None,
            right: None,
        };
        insert(&mut self.root, Box::new(node));
    }

    /// The value of exactly this interval.
    pub fn get(&self, interval: &Interval) -> Option<&T> {
        let mut link = &self.root;
        while let Some(node) = link {
            link = match interval.cmp(&node.interval) {
                Ordering::Equal => return Some(&node.value),
                Ordering::Less => &node.left,
                Ordering::Greater => &node.right,
            };
        }
        None
    }

    /// The value of exactly this interval.
    pub fn get_mut(&mut self, interval: &Interval) -> Option<&mut T> {
        let mut link = &mut self.root;
        while let Some(node) = link {
            link = match interval.cmp(&node.interval) {
                Ordering::Equal => return Some(&mut node.value),
                Ordering::Less => &mut node.left,
                Ordering::Greater => &mut node.right,
            };
        }
        None
    }

    /// Removes exactly this interval.
    pub fn remove(&mut self, interval: &Interval) {
        remove(&mut self.root, interval);
    }

    /// Calls `each` for all values.
    pub fn into_values(self, each: &mut impl FnMut(T)) {
        into_values(self.root, each);
    }

    /// Calls `each` with the value of every range that contains `key`.
    pub fn holding<'a>(&'a self, key: &[u8], each: &mut impl FnMut(&'a T)) {
        holding(&self.root, key, each);
    }
}

/// Whether an end is after a key.
fn is_behind(end: &End, key: &[u8]) -> bool {
    end.as_ref().is_none_or(|end| key < &end[..])
}

fn later_end(a: &End, b: &End) -> End {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b).clone()),
        _ => None,
    }
}

impl<T> Node<T> {
    fn update(&mut self) {
        self.max_end.clone_from(&self.interval.end);
        for child in [&self.left, &self.right].into_iter().flatten() {
            self.max_end = later_end(&self.max_end, &child.max_end);
        }
    }
}

fn holding<'a, T>(link: &'a Link<T>, key: &[u8], each: &mut impl FnMut(&'a T)) {
    let Some(node) = link else { return };
    if !is_behind(&node.max_end, key) {
        return;
    }
    holding(&node.left, key, each);
    if key < &node.interval.start[..] {
        return;
    }
    if is_behind(&node.interval.end, key) {
        each(&node.value);
    }
    holding(&node.right, key, each);
}

fn into_values<T>(link: Link<T>, each: &mut impl FnMut(T)) {
    let Some(node) = link else { return };
    let node = *node;
    into_values(node.left, each);
    each(node.value);
    into_values(node.right, each);
}

fn insert<T>(link: &mut Link<T>, new: Box<Node<T>>) {
    let Some(node) = link else {
        *link = Some(new);
        return;
    };
    if new.priority > node.priority {
        let mut new = new;
        let (left, right) = split(link.take(), &new.interval);
        (new.left, new.right) = (left, right);
        new.update();
        *link = Some(new);
        return;
    }
    match new.interval.cmp(&node.interval) {
        Ordering::Less => insert(&mut node.left, new),
        _ => insert(&mut node.right, new),
    }
    node.update();
}

/// Splits a tree into the ranges before this one and those after it.
fn split<T>(link: Link<T>, at: &Interval) -> (Link<T>, Link<T>) {
    let Some(mut node) = link else {
        return (None, None);
    };
    if *at < *node.interval {
        let (left, right) = split(node.left.take(), at);
        node.left = right;
        node.update();
        (left, Some(node))
    } else {
        let (left, right) = split(node.right.take(), at);
        node.right = left;
        node.update();
        (Some(node), right)
    }
}

/// Joins two trees. All ranges of the first precede those of the second.
fn join<T>(left: Link<T>, right: Link<T>) -> Link<T> {
    match (left, right) {
        (None, other) | (other, None) => other,
        (Some(mut a), Some(mut b)) => {
            if a.priority > b.priority {
                a.right = join(a.right.take(), Some(b));
                a.update();
                Some(a)
            } else {
                b.left = join(Some(a), b.left.take());
                b.update();
                Some(b)
            }
        }
    }
}

fn remove<T>(link: &mut Link<T>, interval: &Interval) {
    let Some(node) = link else { return };
    match interval.cmp(&node.interval) {
        Ordering::Less => remove(&mut node.left, interval),
        Ordering::Greater => remove(&mut node.right, interval),
        Ordering::Equal => {
            let joined = join(node.left.take(), node.right.take());
            *link = joined;
            return;
        }
    }
    node.update();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::mvcc::watch::range::Key;
    use std::collections::BTreeMap;

    fn key(text: &str) -> Key {
        Key::from(text.as_bytes())
    }

    fn interval(start: Key, end: End) -> Arc<Interval> {
        Arc::new(Interval { start, end })
    }

    fn names(map: &IntervalMap<String>, key: &str) -> Vec<String> {
        let mut names = Vec::new();
        map.holding(key.as_bytes(), &mut |name| names.push(name.clone()));
        names
    }

    #[test]
    fn the_worked_example() {
        let mut map = IntervalMap::default();
        for (start, end) in [("a", Some("c")), ("b", Some("d")), ("c", None)] {
            let interval = interval(key(start), end.map(key));
            map.insert(interval, start.to_string());
        }
        assert_eq!(names(&map, "a"), ["a"]);
        assert_eq!(names(&map, "c"), ["b", "c"]);
        assert_eq!(names(&map, "z"), ["c"]);
        assert!(names(&map, "A").is_empty());
        map.remove(&interval(key("c"), None));
        assert!(names(&map, "z").is_empty() && !map.is_empty());
    }

    #[test]
    fn it_agrees_with_a_list_of_ranges() {
        let mut map: IntervalMap<String> = IntervalMap::default();
        let mut list: BTreeMap<(Key, End), String> = BTreeMap::new();
        let mut seed = 1u64;
        let mut random = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        for round in 0..3000 {
            let start = Key::from(format!("{:02}", random(60)).into_bytes());
            let end = (random(8) > 0).then(|| Key::from(format!("{:02}", random(60)).into_bytes()));
            if random(3) > 0 {
                let name = round.to_string();
                let interval = interval(start.clone(), end.clone());
                match map.get_mut(&interval) {
                    Some(value) => value.clone_from(&name),
                    None => map.insert(interval.clone(), name.clone()),
                }
                assert_eq!(map.get(&interval), Some(&name));
                list.insert((start, end), name);
            } else {
                map.remove(&interval(start.clone(), end.clone()));
                list.remove(&(start, end));
            }
            let key = format!("{:02}", random(60));
            let mut wanted: Vec<String> = list
                .iter()
                .filter(|((start, end), _)| {
                    start[..] <= *key.as_bytes() && is_behind(end, key.as_bytes())
                })
                .map(|(_, name)| name.clone())
                .collect();
            let mut got = names(&map, &key);
            wanted.sort();
            got.sort();
            assert_eq!(got, wanted, "{key}");
        }
        assert_eq!(map.is_empty(), list.is_empty());
    }
}
