// Command nethttp is Go's side of bench/run-nethttp: GET /rooms by net/http, answered with a constant (what
// h2o_minimal sends) or with three rooms that lie in memory, made into JSON for each request. No database: the
// app, which asks one, is measured against less work than it does itself.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
)

type room struct {
	ID            string  `json:"id"`
	Name          string  `json:"name"`
	Cost          float64 `json:"cost"`
	NumberOfSeats int     `json:"number_of_seats"`
	Category      string  `json:"category"`
	MainPhoto     string  `json:"main_photo"`
	IsAvailable   bool
	Photos        []string
}

var rooms = []room{
	{"79ca06f8-1163-48e8-b279-23fca5669623", "Green", 12.5, 4, "Open Space", "/green_0001.jpg", true, nil},
	{"e6cc9546-52a1-45bc-8e0c-9af9a2b235c1", "Red", 100, 50, "Conference Hall", "/red_0001.jpg", true, nil},
	{"2b34dd2e-7ea4-45f8-a330-30e3fcaf3cc2", "Yellow", 4.5, 1, "Shared Desk", "/yellow_0001.jpg", true, nil},
}

func send(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Write(body)
}

func main() {
	log.SetFlags(0)
	listen := flag.String("listen", "127.0.0.1:0", "address")
	answer := flag.String("answer", "constant", "constant, or rooms: made into JSON for each request")
	flag.Parse()
	constant, err := json.Marshal(rooms)
	if err != nil {
		log.Fatal(err)
	}
	handlers := map[string]http.HandlerFunc{
		"constant": func(w http.ResponseWriter, _ *http.Request) { send(w, constant) },
		"rooms": func(w http.ResponseWriter, _ *http.Request) {
			body, err := json.Marshal(rooms)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			send(w, body)
		},
	}
	handler, known := handlers[*answer]
	if !known || flag.NArg() != 0 {
		fmt.Fprintf(os.Stderr, "nethttp: -answer is %q, wanted constant or rooms, and no other arguments\n", *answer)
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/rooms", handler)
	log.Printf("listening on http://%s", listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}
