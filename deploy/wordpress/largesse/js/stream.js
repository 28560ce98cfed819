/*
 * stream.js - the one stream of this page.
 *
 *     largesse.on( 'public/score', 'message', ( event ) => show( event.data ) );
 *
 * The stream opens when somebody listens first.  A browser comes back by itself after a
 * break, with the id of the last event that it has; here is what it does not do: a new
 * token for who is logged in, the next address if the first fails for good, and a rest
 * while nobody sees the page, so that no worker of the host is held for a hidden tab.
 */
window.largesse = ( function () {
	const site = window.largesseSite || { urls: [] };
	const REST_MS = 60000;
	const topics = new Set();
	const listeners = new Map();	// of a type of events: Set of functions
	let source = null;
	let last = site.from;
	let at = 0;			// which address
	let failures = 0;
	let opening = 0;		// timers
	let resting = 0;
	let renewing = 0;
	let isLoggedIn = site.user > 0;

	const isPublic = ( topic ) => topic.startsWith( 'public/' );
	const wanted = () => [ ...topics ].filter( ( topic ) => isLoggedIn || isPublic( topic ) );

	function hear( event ) {
		last = event.lastEventId || last;
		for ( const listener of listeners.get( event.type ) || [] ) {
			try {
				listener( event );
			} catch ( error ) {
				console.error( 'largesse:', error );
			}
		}
	}

	function close() {
		clearTimeout( opening );
		opening = 0;
		if ( source ) {
			source.close();
		}
		source = null;
	}

	function open() {
		const names = wanted();
		close();
		if ( ! names.length || ! site.urls.length || document.hidden && resting === -1 ) {
			return;
		}
		const query = new URLSearchParams( names.map( ( name ) => [ 'topic', name ] ) );
		query.append( 'lastEventId', last );
		const mine = source = new EventSource( site.urls[ at % site.urls.length ] + '?' + query );
		mine.addEventListener( 'stream-start', ( event ) => {
			failures = 0;
			hear( event );
		} );
		for ( const type of new Set( [ 'stream-gap', ...listeners.keys() ] ) ) {
			if ( type !== 'stream-start' ) {
				mine.addEventListener( type, hear );
			}
		}
		mine.onerror = () => {
			if ( source === mine && mine.readyState === EventSource.CLOSED ) {
				fail();
			}
		};
	}

	/* The answer was no stream: a token is over, or the host does not serve it this way. */
	async function fail() {
		close();
		failures++;
		if ( failures % 3 === 0 ) {
			at++;
		}
		const ms = Math.min( 60000, 1000 * 2 ** Math.min( failures, 6 ) ) * ( 0.5 + Math.random() );
		if ( wanted().some( ( topic ) => ! isPublic( topic ) ) ) {
			await renew();
		}
		openIn( ms );
	}

	function openIn( ms ) {
		clearTimeout( opening );
		opening = setTimeout( open, ms );
	}

	/* A new token, in a cookie that this script does not see. */
	async function renew() {
		clearTimeout( renewing );
		try {
			const answer = await fetch( site.ajax, {
				method: 'POST',
				body: new URLSearchParams( { action: 'largesse_token' } ),
				credentials: 'same-origin',
			} );
			isLoggedIn = answer.status !== 403;
			renewIn( answer.ok ? ( await answer.json() ).data.seconds : 60 );
		} catch ( error ) {
			renewIn( 60 );
		}
	}

	function renewIn( seconds ) {
		if ( isLoggedIn ) {
			renewing = setTimeout( renew, Math.max( 30, seconds - 60 ) * 1000 );
		}
	}

	document.addEventListener( 'visibilitychange', () => {
		clearTimeout( resting );
		if ( document.hidden ) {
			resting = setTimeout( () => {
				resting = -1;
				close();
			}, REST_MS );
		} else {
			resting = 0;
			if ( ! source && ! opening ) {
				open();
			}
		}
	} );
	window.addEventListener( 'pagehide', close );
	window.addEventListener( 'pageshow', ( event ) => event.persisted && open() );
	if ( isLoggedIn ) {
		renewIn( site.seconds );
	}

	return {
		user: site.user,
		/* Listens to the events of a type.  With a topic the stream brings it. */
		on( topic, type, listener ) {
			const isNew = topic && ! topics.has( topic ) || ! listeners.has( type );
			if ( topic ) {
				topics.add( topic );
			}
			if ( ! listeners.has( type ) ) {
				listeners.set( type, new Set() );
			}
			listeners.get( type ).add( listener );
			if ( isNew ) {
				openIn( 0 );
			}
		},
	};
}() );
