package discovery

import (
	"errors"
	"strings"
	"testing"
)

func fullCard() Card {
	return Card{
		Board: boardID(1), Life: boardID(2), Name: "raspberrypi", Seq: 1 << 60, Role: "learner",
		State: "found/plan-knows-me-not", Cluster: boardID(3), Member: boardID(4), Data: true,
		Plan:    strings.Repeat("f", 32),
		PeerURL: "https://[2001:db8:1234:5678:9abc:def0:1234:5678]:2380", ClientURL: "https://[2001:db8:1234:5678:9abc:def0:1234:5678]:2379",
		Healthy: true, Seat: Seat{Member: boardID(5), Life: boardID(6)}, Keys: 2, Never: true, Boards: 13, Voters: 7, Version: "1.12.3-rc.1+0123456789ab",
		Renews: true, Sync: 9999, Trip: 1000, Pace: 5000,
	}
}

func TestCardSurvivesTheWire(t *testing.T) {
	for name, c := range map[string]Card{"full": fullCard(), "least": {Board: boardID(1)}} {
		b, err := EncodeCard(c)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := DecodeCard(b)
		if err != nil || got != c {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestLongNamesAreCut(t *testing.T) {
	for name, long := range map[string]string{
		"ASCII":   strings.Repeat("n", 300),
		"runes":   strings.Repeat("é", 200),
		"escaped": strings.Repeat("<", 300), // six bytes each in JSON
	} {
		c := fullCard()
		c.Name, c.State, c.Version = long, long[:100], long[:100]
		if name == "escaped" {
			c.State, c.Version = "restart", "1"
		}
		b, err := EncodeCard(c)
		if err != nil || len(b) > MaxCard {
			t.Fatalf("%s: %d bytes, %v", name, len(b), err)
		}
		got, err := DecodeCard(b)
		if err != nil || !strings.HasPrefix(long, got.Name) || len(got.Name) > 63 || got.PeerURL != c.PeerURL {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestCardGivesUpWhatIsOnlyRead: all that others decide by has room, whatever else a
// card says, but for what can come later.
func TestCardGivesUpWhatIsOnlyRead(t *testing.T) {
	c := fullCard()
	c.Log, c.Missed, c.Twin, c.Replace, c.Beat = Mark{1 << 30, 1 << 40}, Missed{boardID(7), 999, true}, true, 36000, 200
	c.Alarms, c.Mislists = 3, boardID(8)
	b, err := EncodeCard(c)
	if err != nil || len(b) > MaxCard {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	got, err := DecodeCard(b)
	c.Name, c.Version, c.State, c.Missed, c.Mislists = got.Name, got.Version, got.State, got.Missed, got.Mislists
	if err != nil || got != c {
		t.Errorf("%+v, %v", got, err)
	}
	member := fullCard()
	member.State, member.Role, member.Never, member.Seat = "restart", "voter", false, Seat{}
	member.Log, member.Missed, member.Replace = Mark{1 << 30, 1 << 40}, Missed{boardID(7), 999, true}, 36000
	if b, err = EncodeCard(member); err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeCard(b); err != nil || got.Missed != member.Missed || got.State != "restart" {
		t.Errorf("a member at work: %+v, %v", got, err)
	}
}

func TestCardThatIsTooLong(t *testing.T) {
	c := fullCard()
	c.PeerURL = strings.Repeat("x", 500)
	_, err := EncodeCard(c)
	var size *CardSizeError
	if !errors.As(err, &size) || size.Size <= MaxCard || !strings.Contains(err.Error(), "512") {
		t.Errorf("got %v", err)
	}
}

func TestDecodeCardRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing": "", "junk": "junk", "no board": `{}`, "short ID": `{"b":"12"}`,
		"capitals": `{"b":"ABCDEFABCDEFABCD"}`, "wrong type": `{"b":"0000000000000001","q":"x"}`,
		"too long": `{"b":"0000000000000001","n":"` + strings.Repeat("x", 600) + `"}`,
	} {
		if c, err := DecodeCard([]byte(in)); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if _, err := DecodeCard([]byte(`{"b":"0000000000000001","later":[1]}`)); err != nil {
		t.Errorf("a newer board's card is refused: %v", err)
	}
}

func FuzzDecodeCard(f *testing.F) {
	b, err := EncodeCard(fullCard())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"b":"0000000000000001","q":18446744073709551615,"B":-1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeCard(b)
		if err != nil {
			return
		}
		again, err := EncodeCard(c)
		if err != nil {
			return // JSON escapes may make it longer than it came
		}
		c2, err := DecodeCard(again)
		if err != nil || c2.Board != c.Board || c2.Seq != c.Seq || c2.PeerURL != c.PeerURL {
			t.Fatalf("%+v became %+v, %v", c, c2, err)
		}
	})
}
