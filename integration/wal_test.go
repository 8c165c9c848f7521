package integration

import (
	"encoding/binary"
	"fmt"
	"testing"

	"muster/integration/boards"
)

// span is where a record lies in a file of etcd's write-ahead log.
type span struct{ begin, end int }

// walRecords finds the records in a file of etcd's write-ahead log, which is longer than what was written: etcd
// v3.7.3 server/storage/wal/encoder.go, encodeFrameSize: 8 bytes, little endian, of which the lower 56 bits are the
// length of what follows and, if the highest is set, the last 3 bits of the upper byte the padding behind it.
func walRecords(data []byte) []span {
	var records []span
	for at := 0; at+8 <= len(data); {
		field := binary.LittleEndian.Uint64(data[at:])
		if field == 0 {
			break
		}
		length, padding := int(field&(1<<56-1)), 0
		if field>>63 == 1 {
			padding = int(field >> 56 & 7)
		}
		end := at + 8 + length + padding
		if end > len(data) {
			break
		}
		records = append(records, span{at, end})
		at = end
	}
	return records
}

// editLog changes the file of the board's log that was written last, given its records.
func (f *fleet) editLog(b *boards.Board, change func(data []byte, records []span) []byte) {
	f.t.Helper()
	names := b.List(stateDir + wal)
	for i := len(names) - 1; i >= 0; i-- {
		data, err := b.ReadFile(stateDir + wal + "/" + names[i])
		if err != nil {
			f.t.Fatal(err)
		}
		// The newest file begins with its metadata and may hold nothing else yet; one for later holds nothing.
		if records := walRecords(data); len(records) > 4 {
			b.Edit(stateDir+wal+"/"+names[i], func(data []byte) []byte { return change(data, records) })
			return
		}
	}
	f.t.Fatalf("board %d: no log with records in %q", b.Index, names)
}

// flipLog changes one bit in the middle of what was written.
func flipLog(data []byte, records []span) []byte {
	middle := records[len(records)/2]
	data[(middle.begin+8+middle.end)/2] ^= 4
	return data
}

// tearLog cuts the file in the middle of its last record, as a power cut does that comes in the middle of a write.
func tearLog(data []byte, records []span) []byte {
	last := records[len(records)-1]
	return data[:(last.begin+last.end)/2]
}

// cutLog takes the last record away as if it had never been written.
func cutLog(data []byte, records []span) []byte {
	clear(data[records[len(records)-1].begin:])
	return data
}

func TestWALRecords(t *testing.T) {
	record := func(length, padding int) []byte {
		field := uint64(length)
		if padding > 0 {
			field |= uint64(0x80|padding) << 56
		}
		data := append(binary.LittleEndian.AppendUint64(nil, field), make([]byte, length+padding)...)
		for i := 8; i < len(data); i++ {
			data[i] = 0xff
		}
		return data
	}
	log := append(append(record(16, 0), record(5, 3)...), record(8, 0)...)
	preallocated := append(append([]byte(nil), log...), make([]byte, 100)...)
	want := []span{{0, 24}, {24, 40}, {40, 56}}
	for name, data := range map[string][]byte{"preallocated": preallocated, "full": log, "cut": log[:50]} {
		expected := want
		if name == "cut" {
			expected = want[:2]
		}
		if got := walRecords(data); fmt.Sprint(got) != fmt.Sprint(expected) {
			t.Errorf("%s: %v, want %v", name, got, expected)
		}
	}
	if torn := tearLog(log, want); len(torn) != 48 || len(walRecords(torn)) != 2 {
		t.Errorf("torn: %d bytes, records %v", len(torn), walRecords(torn))
	}
	if cut := cutLog(append([]byte(nil), preallocated...), want); len(cut) != len(preallocated) || len(walRecords(cut)) != 2 {
		t.Errorf("cut: %d bytes, records %v", len(cut), walRecords(cut))
	}
	if flipped := flipLog(append([]byte(nil), log...), want); len(walRecords(flipped)) != 3 || string(flipped) == string(log) {
		t.Error("a flipped bit must be in a record, and not in a length")
	}
}
