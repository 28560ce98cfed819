/*
 * changes.js - shows that the post has changed, and its new text.
 *
 * The text is between two comments of HTML.  Where a theme or a cache has taken them
 * out, or where the new text brings scripts, the page is loaded again.
 */
( function () {
	const { post, topic, replace } = window.largesseChanges;
	const { __ } = wp.i18n;
	let notice = null;

	/* The nodes between the marks, or null. */
	function text( page ) {
		const walk = page.createTreeWalker( page.body, NodeFilter.SHOW_COMMENT );
		let start = null;
		for ( let node = walk.nextNode(); node; node = walk.nextNode() ) {
			if ( node.data === 'largesse:' + post ) {
				start = node;
			} else if ( node.data === '/largesse:' + post && start && node.parentNode === start.parentNode ) {
				const range = page.createRange();
				range.setStartAfter( start );
				range.setEndBefore( node );
				return range;
			}
		}
		return null;
	}

	/* The heading of the post, if there is no doubt which it is. */
	function heading( page ) {
		const found = page.querySelectorAll( 'h1.entry-title, h1.wp-block-post-title, h1.page-title, h2.wp-block-post-title' );
		return found.length === 1 ? found[ 0 ] : null;
	}

	async function update() {
		/* A cache has the page as it was. */
		const address = new URL( location.href );
		address.searchParams.set( 'largesse', Date.now() );
		try {
			const answer = await fetch( address, { credentials: 'same-origin', cache: 'no-store' } );
			const page = new DOMParser().parseFromString( await answer.text(), 'text/html' );
			const [ mine, theirs ] = [ text( document ), text( page ) ];
			const fresh = theirs && theirs.cloneContents();
			if ( ! answer.ok || ! mine || ! fresh || fresh.querySelector( 'script' ) ) {
				location.reload();
				return;
			}
			mine.deleteContents();
			mine.insertNode( fresh );
			const [ head, now ] = [ heading( document ), heading( page ) ];
			if ( head && now ) {
				head.replaceChildren( ...now.childNodes );
				document.title = page.title;
			}
			hide();
			document.dispatchEvent( new CustomEvent( 'largesse-changed' ) );
		} catch ( error ) {
			location.reload();
		}
	}

	function hide() {
		if ( notice ) {
			notice.remove();
		}
		notice = null;
	}

	function show() {
		if ( notice ) {
			return;
		}
		notice = document.createElement( 'div' );
		notice.className = 'largesse-notice';
		notice.setAttribute( 'role', 'status' );
		const words = document.createElement( 'span' );
		words.textContent = __( 'This text has just been changed.', 'largesse' );
		const button = document.createElement( 'button' );
		button.type = 'button';
		button.textContent = __( 'Show the new version', 'largesse' );
		button.addEventListener( 'click', update );
		const not = document.createElement( 'button' );
		not.type = 'button';
		not.className = 'largesse-close';
		not.setAttribute( 'aria-label', __( 'Close', 'largesse' ) );
		not.textContent = '\u00d7';
		not.addEventListener( 'click', hide );
		notice.append( words, button, not );
		document.body.append( notice );
	}

	largesse.on( topic, 'changed', replace ? update : show );
}() );
