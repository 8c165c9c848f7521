package agent

import (
	"maps"
	"testing"

	"muster/bootstrap"
	"muster/bootstrap/founding"
)

func TestNamesAreUnique(t *testing.T) {
	board := func(id, name string) bootstrap.Peer { return bootstrap.Peer{ID: id, Name: name} }
	tests := []struct {
		name  string
		peers []bootstrap.Peer
		plan  *founding.Plan
		want  map[string]string
	}{
		{"alone", nil, nil, map[string]string{"aaaaaaaa": "pi"}},
		{"all different", []bootstrap.Peer{board("bbbbbbbb", "b")}, nil, map[string]string{"aaaaaaaa": "pi", "bbbbbbbb": "b"}},
		{"all the same", []bootstrap.Peer{board("bbbbbbbb", "pi"), board("cccccccc", "pi")}, nil,
			map[string]string{"aaaaaaaa": "pi-aaaaaa", "bbbbbbbb": "pi-bbbbbb", "cccccccc": "pi-cccccc"}},
		{"a founder keeps the plan's", []bootstrap.Peer{board("bbbbbbbb", "pi")},
			&founding.Plan{Founders: []founding.Founder{{Board: "bbbbbbbb", Name: "pi"}}},
			map[string]string{"aaaaaaaa": "pi-aaaaaa", "bbbbbbbb": "pi"}},
		{"nameless", []bootstrap.Peer{board("bbbbbbbb", "")}, nil, map[string]string{"aaaaaaaa": "pi", "bbbbbbbb": "board-bbbbbb"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := bootstrap.State{Observation: bootstrap.Observation{Self: bootstrap.Self{ID: "aaaaaaaa", Name: "pi"}, Peers: tt.peers, Plan: tt.plan}}
			if got := names(s); !maps.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
