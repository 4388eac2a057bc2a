// Package rooms is Go's side of the benchmark ParsingJsonFile: the files that `bench/json write FOLDER` makes are
// opened, read and parsed by encoding/json, whole (Unmarshal) and as a stream (Decoder). Names, import path and the
// look at the number of rooms are those of bench/json, so that benchstat takes both for the same benchmarks.
//
//	ROOMS_FOLDER=FOLDER go test -bench .
package rooms

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

type photo struct {
	ID     int
	Url    string
	RoomId string
}

type room struct {
	ID            string  `json:"id"`
	Name          string  `json:"name"`
	Cost          float64 `json:"cost"`
	NumberOfSeats int     `json:"number_of_seats"`
	Category      string  `json:"category"`
	MainPhoto     string  `json:"main_photo"`
	IsAvailable   bool
	Photos        []photo `json:"photos"`
}

var sizes = []struct {
	name  string
	count int
}{{"1", 1}, {"999", 999}, {"9999", 9999}}

func unmarshal(path string) ([]room, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var rooms []room
	return rooms, json.Unmarshal(data, &rooms)
}

// onlyRead says what of the others' time is the system's.
func onlyRead(path string) ([]room, error) {
	_, err := os.ReadFile(path)
	return nil, err
}

func decode(path string) ([]room, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var rooms []room
	err = json.NewDecoder(file).Decode(&rooms)
	return rooms, err
}

func eachSize(b *testing.B, read func(string) ([]room, error)) {
	folder := os.Getenv("ROOMS_FOLDER")
	if folder == "" {
		b.Skip("ROOMS_FOLDER is not set: it is the folder that `bench/json write` was given")
	}
	for _, size := range sizes {
		path := filepath.Join(folder, "rooms_"+size.name+".json")
		count := size.count
		b.Run(size.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				rooms, err := read(path)
				if err != nil {
					b.Fatal(err)
				}
				if rooms != nil && len(rooms) != count {
					b.Fatalf("%s has %d rooms, wanted %d", path, len(rooms), count)
				}
			}
		})
	}
}

func BenchmarkParsingJsonFile(b *testing.B) {
	b.Run("Unmarshal", func(b *testing.B) { eachSize(b, unmarshal) })
	b.Run("Decoder", func(b *testing.B) { eachSize(b, decode) })
}

func BenchmarkReadingJsonFile(b *testing.B) {
	b.Run("ReadFile", func(b *testing.B) { eachSize(b, onlyRead) })
}
