/* Largesse 0.1.0, MIT: largesse.src.js */
const Largesse=(()=>{
const env=globalThis,doc=env.document,now=Date.now,states={CONNECTING: 0,OPEN: 1,CLOSED: 2};
const store=(area,key,value)=>{
try {
if(value)
env[area][key]=JSON.stringify(value);
return JSON.parse(env[area][key]);
} catch {}
};
const pause=()=>new Promise((go)=>{
const {port1,port2}=new MessageChannel();
port1.onmessage=()=>go(port1.close());
port2.postMessage(0);
});
const parser=()=>{
let rest="",cr,block={};
return function* (text){
if(!text)
return;
const lines=(rest+(cr&&text[0]==="\n"?text.slice(1):text)).split(/\r\n|\n|\r/);
cr=text.endsWith("\r");
rest=lines.pop();
for (const line of lines){
const [,name,value]=/^([^:]*):? ?(.*)/s.exec(line);
if(!line){
yield block;
block={};
} else if(name!=="id"||!value.includes("\0"))
block[name]=name==="data"&&"data" in block?block.data+"\n"+value:value;
}
};
};
const drive=(es,o)=>{
const {origin,pathname,search}=new URL(es.url),born=now();
const ways=["stream","padded","post","poll"].filter((way)=>!o.ways||o.ways.includes(way));
const name="largesse:"+es.withCredentials+es.url,site=origin+pathname,area=(o.keep==="local"?"local":"session")+"Storage";
const on={},seen=new Set(),ears=new AbortController(),{signal}=ears;
let leads,set={},i=0,proven,token,timer,lived,idled,died,channel,queue,free,hole;
let next=0,fails=0,refused=0,deaf=0,good=0,polledAt=0,heard=0;
const say=(type,change)=>{
if(es.readyState>1)
return;
Object.assign(es,change);
tell();
es.dispatchEvent(new Event(type));
};
const others=(c,f)=>Object.values(on).forEach((other)=>other&&other!==c&&f(other));
const give=({event,data,id},c)=>{
tell({event,data,id});
if(id!==undefined){
others(c,(other)=>other.skip?.add(id));
know(id);
es.lastEventId=id;
}
if(data!==undefined)
for (const type of event==="stream-gap"?[event,"gap"]:[event||"message"])
es.dispatchEvent(new MessageEvent(type,{data,origin,lastEventId: es.lastEventId}));
};
const open=(slot,way,more)=>run(on[slot]={slot,way,sent: now(),at: now(),
stop: new AbortController(),...more});
const lives=(c)=>on[c.slot]===c;
const drop=(c)=>{
if(c&&lives(c)){
on[c.slot]=null;
c.stop.abort();
}
};
const request=(c)=>{
const u=new URL(es.url),poll=c.way==="poll",padded=c.way==="padded",{body}=set;
c.post=body||c.way==="post";
c.beat=poll?60+now()%3e3:padded||now()-died<5e3?1:set.beat||1;
c.age??=set.age;
c.from=es.lastEventId;
c.skip=new Set();
c.sent=c.at=now();
const q=new URLSearchParams({
beat: c.beat,
...c.from?{lastEventId: c.from}:poll&&!wish&&{since: Math.round((now()-born) / 1e3)},
...poll&&{poll: 1},
...c.age>=0&&{age: c.age},
...padded&&{pad: 2048},
});
if(c.post)
u.pathname=pathname.replace(/\/?$/,"/stream");
u.search+=(search&&"&")+q;
return fetch(u,{
method: c.post?"POST":"GET",
body: c.post?new URLSearchParams(body?{access_token: token}:""):null,
headers: {Accept: "text/event-stream",...token&&!body&&{Authorization: "Bearer "+token}},
credentials: es.withCredentials?"include":"same-origin",
cache: "no-store",
signal: c.stop.signal,
});
};
const run=async (c)=>{
let status,t;
try {
token??=o.token?.call?await o.token():o.token;
if(!lives(c))
return;
const answer=await request(c),parse=parser(),utf8=new TextDecoder();
if(answer.status!==200||!/^text\/event-stream/.test(answer.headers.get("content-type")))
throw status=answer.status;
for (const reader=answer.body.getReader();;){
const {done,value}=await reader.read();
if(done)
break;
for (const block of parse(utf8.decode(value,{stream: true}))){
if(!lives(c))
return;
take(c,block);
if(!(now()-t<5)){
await pause();
t=now();
}
}
c.at=now();
}
} catch {}
if(lives(c))
over(c,status);
};
const ours={
__proto__: null,
"stream-retry"(c,{reason},{retry}){
c.retry=+retry;
c.reason=reason;
},
"stream-expire"(c,{seconds}){
setTimeout(()=>{
if(c===on.main&&o.token?.call){
token=null;
attempt(i);
}
},seconds*500+1e3);
},
"stream-beat"(c,{time}){
const lag=now()-time;
c.least=Math.min(c.least,lag);
good=lag-c.least<150&&lag-c.ahead<900?good+1:0;
c.beats++;
if(set.beat>1&&lag-c.least>1500&&c===on.main){
set.beat=0;
attempt(i);
}
deaf=0;
},
"stream-start"(c,said,block){
const opens=!es.readyState;
if(!c.from&&es.lastEventId)
return again(c);
c.beat=said.beat??1 / 0;
c.ahead=c.sent-said.time;
c.least=now()-said.time;
c.beats=0;
es.lastEventId||=block.id??"";
spoke(c);
if(opens&&lives(c))
give({...block,id: undefined});
},
};
const take=(c,block)=>{
const {event,data,id}=block;
if(ours[event])
return ours[event](c,JSON.parse(data),block);
if((data??id)===undefined)
return;
spoke(c);
if(id!==undefined&&c.skip.size)
return c.skip.delete(id)||again(c);
if(event==="stream-gap")
others(c,again);
give(block,c);
};
const silent=(c)=>now()-c.at>c.beat*1e3+(set.beat===1?800:1500);
const early=(c)=>now()-c.at<c.beat*1e3+6e3;
const bury=(c)=>{
if(c&&early(c))
died=now();
drop(c);
};
const spoke=(c)=>{
if(c.spoke)
return;
c.spoke=true;
refused=0;
if(c===on.trial){
on.trial=null;
others(c,drop);
c.slot="main";
on.main=c;
if(c.i<i)
set={n: set.n,beat: set.beat===1?1:0};
i=proven=c.i;
if(now()-died<5e3)
learn({beat: 1,why: set.why??"A stream died silently."});
if(!set.beat)
ask();
settle();
}
if(!es.readyState)
say("open",{readyState: 1});
};
const lead=()=>{
leads=true;
set=store("localStorage",site)??{};
if(!(now()-set.at<864e5))
set={};
i=Math.max(0,ways.indexOf(set.way));
next=0;
tick();
};
const arm=(ms)=>{
clearTimeout(timer);
timer=setTimeout(tick,ms);
};
const tick=()=>{
const time=now(),p=on.poll;
if(p&&time-p.at>p.age*1e3+(on.trial||on.main?1500:5e3)){
p.retry=0;
over(p);
}
leads?judge(time,on.main,on.trial):watch(time);
tell();
keep();
if(es.readyState!==2)
arm(on.trial||leads&&!on.main&&!on.poll?100:on.main?.beat<3?250:1e3);
};
const judge=(time,m,t)=>{
const mute=t&&time-t.sent;
if(t&&m&&mute>2500)
drop(silent(m)?m:t);
else if(t&&t.doubt<time)
t.i===proven?again(t,proven=-1):down(t,t.way+" is held back.");
else if(mute>3e4)
again(t);
else if(m?!t&&silent(m):mute>1e3&&time>next){
ask();
if(m&&!early(m))
attempt(i);
} else if(m&&!t&&!set.beat&&good>8){
set.beat=o.beat??8;
if(!i&&!set.age&&!set.body)
set.why=undefined;
save();
attempt(i);
} else if(!m&&!t&&!on.poll&&time>next){
attempt(i);
if(fails===3)
ask();
} else if(m&&m.beats>20&&!set.beat&&!set.why)
settle(set.why="Events may be late.");
else if(!t&&(i||set.age)&&es.readyState===1&&time-set.at>4**set.n*6e4){
set.n++;
save();
set.age=undefined;
drop(on.poll);
attempt(0);
ask();
}
};
const attempt=(i)=>{
drop(on.trial);
ways[i]==="poll"?ask():open("trial",ways[i],{i});
};
const ask=()=>{
if(!on.poll&&(!leads||ways.includes("poll")))
open("poll","poll",{age: !leads||on.main||es.readyState!==1?0:on.trial?1:20});
};
const again=(c)=>{
drop(c);
c.slot==="poll"?ask():attempt(c.i);
};
const polled=(c,time,m,t)=>{
polledAt=time;
fails=0;
next=Math.max(next,time+c.retry);
if(m&&silent(m)){
if(!m.beats&&deaf++)
return down(m,m.way+" stops after its beginning.");
bury(m);
attempt(i);
} else if(m)
m.ahead=Math.max(m.ahead,c.ahead);
else if(!t)
leads&&ways[i]==="poll"&&settle();
else if(c.sent-t.sent>2500)
again(t);
else if(time-t.sent>(t.way==="padded"?2200:1e3))
t.doubt??=time+250+(time-c.sent-c.age*1e3) / 2;
};
const learn=(what)=>Object.assign(set,what,{at: NaN});
const down=(c,why)=>{
drop(c);
learn({why});
attempt(i=Math.min(c.i+1,ways.length-1));
ask();
ways[i]==="poll"&&settle();
};
const settle=()=>{
const m=on.main,why=set.why??"Nothing is in the way.";
const way=!m?"poll":m.post?"post":m.age?"short":m.way;
if(set.why&&!set.at)
save();
if(way===es.way&&why===es.why)
return;
say("way",{way,why});
const note={way,why,url: es.url};
if(o.report?.call)
o.report(note);
else if(o.report)
navigator.sendBeacon(o.report,JSON.stringify(note));
};
const save=()=>{
set={n: 0,...set,way: ways[i],at: now()};
store("localStorage",site,set);
};
const keep=()=>o.keep&&store(area,name,es.lastEventId);
const over=(c,status)=>{
const time=now(),life=time-c.sent,{main: m,trial: t}=on;
drop(c);
arm(0);
if(status===204)
return close(say("error",{readyState: 2}));
if(status===401||c.reason==="token")
token=null;
if(status===401&&(refused++||!o.token?.call)&&o.token)
learn({body: !set.body,why: "Authorization does not arrive."});
if(c===m){
polledAt=0;
if(life>5e3)
fails=0;
if(!c.retry)
cut(c,life,time-c.at);
}
if(c.slot==="poll"&&c.spoke&&c.retry)
polled(c,time,m,t);
else if(c===t&&!m&&!c.retry&&polledAt>c.sent-5e3)
down(c,c.way+" is refused.");
else if(leads)
lost(c,status,time,on.main);
else {
hole=true;
next=time+1e3;
}
};
const lost=(c,status,time,m)=>{
if(m&&!silent(m))
return;
bury(m);
next=time+(c.retry??0);
if(c.reason==="age")
return;
if(c.retry===undefined&&(status!==401||refused>2)){
if(status)
fails||=1;
next+=Math.random()*Math.min(100*4**fails++,
fails>50||status>399&&status<500?3e4:1500);
}
if(!on.poll)
say("error",{readyState: 0});
};
const cut=(c,life,idle)=>{
const near=(a,b)=>Math.abs(a-b)<500+a / 20;
if(!c.beats&&idle>2e3&&near(idle,idled))
learn({beat: Math.ceil(idle / 2e3),why: "Idle streams are cut after "+idle+" ms."});
else if(life>4e3&&near(life,lived))
learn({age: Math.floor(life / 1250),why: "Old streams are cut after "+life+" ms."});
lived=life;
idled=idle;
};
const kick=(moved)=>{
const c=on.trial??on.main??{i};
fails=next=0;
heard=now()-4e3;
channel?.postMessage(0);
if(moved&&leads){
if(set.beat>1)
set.beat=good=0;
drop(on.poll);
attempt(c.i,c.beat=0);
ask();
}
arm(0);
};
const start=()=>{
if(o.share===false||!env.navigator?.locks)
return lead();
channel=new BroadcastChannel(name);
channel.onmessage=(e)=>e.data?leads||hear(e.data):tell();
channel.postMessage(0);
line();
arm(1e3);
};
const line=(steal)=>{
queue?.abort();
heard=now();
const mine=queue=new AbortController();
navigator.locks.request(name,steal?{steal}:{signal: mine.signal},
()=>mine===queue&&new Promise((go)=>{
free=go;
drop(on.poll);
lead();
})).catch(()=>{
if(mine!==queue)
return;
if(!leads)
return lead();
quiet();
line();
arm(1e3);
});
};
const tell=(block)=>{
const {readyState,lastEventId: at,why}=es;
if(leads)
channel?.postMessage({at,block,readyState,why});
};
const know=(id)=>{
seen.add(id);
if(seen.size>500)
seen.delete([...seen][0]);
};
const hear=({at,block,readyState,why})=>{
const id=block?.id??at;
heard=now();
if(!wish)
es.lastEventId||=at;
if(readyState===2)
return close(say("error",{readyState: 2}));
if(es.way!=="shared")
say("way",{way: "shared",why: "Another tab: "+why});
if(readyState!==es.readyState)
say(readyState?"open":"error",{readyState});
if(at!==es.lastEventId){
if(channel&&id&&!seen.has(id)){
know(id);
fill();
}
} else if(channel&&block)
give(block);
};
const fill=()=>{
hole=!!on.poll;
ask();
};
const watch=(time)=>{
if(hole&&!on.poll&&time>next)
fill();
if(time-heard>5e3&&!doc?.hidden)
line(true);
};
const quiet=()=>{
leads=false;
others(0,drop);
};
const rest=()=>{
keep();
clearTimeout(timer);
quiet();
queue?.abort();
timer=queue=null;
free?.();
channel?.close();
channel=null;
};
const close=()=>{
es.readyState=2;
rest();
ears.abort();
};
const back=()=>timer?kick():start();
if(o.keep)
es.lastEventId||=store(area,name)??"";
const wish=es.lastEventId||/[?&](last|si)/.test(search);
for (const [type,f] of Object.entries({
online: ()=>kick(true),
pagehide: rest,
freeze: rest,
pageshow: back,
resume: back,
visibilitychange: ()=>doc.hidden||back(),
}))
env.addEventListener?.(type,f,{capture: true,signal});
env.navigator?.connection?.addEventListener("change",()=>{
set.n=0;
set.at=now()-57e3;
kick(true);
},{signal});
start();
return close;
};
class Largesse extends EventTarget {
readyState=0;
way="";
why="";
constructor(url,options={}){
super();
const u=new URL(url,doc?.baseURI??env.location?.href);
for (const topic of options.topics??[])
u.search+=(u.search&&"&")+"topic="+encodeURIComponent(topic);
this.url=u.href;
this.withCredentials=!!options.withCredentials;
this.lastEventId=options.lastEventId??"";
for (const type of ["open","message","error","gap","way"]){
this["on"+type]=null;
this.addEventListener(type,(e)=>this["on"+type]?.(e));
}
this.close=drive(this,options);
}
}
Object.assign(Largesse.prototype,states);
return Object.assign(Largesse,states);
})();
export{Largesse,Largesse as default};
