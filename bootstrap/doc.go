// Package bootstrap decides what one board does next. It is pure: standard
// library only, no clock, no I/O, no goroutines.
//
// A board observes (facts, as an Observation), folds (what only time can tell,
// as a State), decides (exactly one Action with its reason, a Row) and acts.
// Decide is a flat list of cases, the first that matches wins, and safety
// stands above progress:
//
//  1. what cannot be known or does not belong here stops everything: no
//     profile, an unreadable disk, an identity or data made elsewhere, a twin;
//  2. what was begun is finished (Resume);
//  3. data of this board and this life is started, or held with a reason;
//  4. an empty board with a plan that names it founds; with a plan that does
//     not, it stands by;
//  5. only an empty board that knows of no plan and no data anywhere, and sees
//     a founding quorum, proposes one.
//
// What may never happen, whatever is observed:
//
//   - etcd never starts with state "new" but from a chosen plan that names
//     this board in this life, on a directory without a log, before any member
//     of this life was started;
//   - data never starts on other hardware or for another board or life;
//   - nothing but Wait and Hold rests on an unknown.
//
// Known limits. This version founds, restarts and stands by. Rows that change
// the membership or give up data are recognised and held, with a reason.
package bootstrap
